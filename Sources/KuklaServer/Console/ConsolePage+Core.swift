extension ConsolePage {
    /// Making elements, writing figures, and asking the server.
    static let coreScript = #"""
        const $ = (id) => document.getElementById(id);
        const SVG = "http://www.w3.org/2000/svg";

        // Makes an element. Attributes that begin with "on" are listeners; children are elements or text, never markup.
        function make(node, attributes, children) {
          for (const [name, value] of Object.entries(attributes ?? {})) {
            if (value === undefined || value === null || value === false) continue;
            if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
            else if (name === "value") node.value = value;
            else node.setAttribute(name, value === true ? "" : String(value));
          }
          node.append(...children.flat(3).filter((child) => child !== undefined && child !== null && child !== false)
            .map((child) => child instanceof Node ? child : String(child)));
          return node;
        }
        const el = (name, attributes, ...children) => make(document.createElement(name), attributes, children);
        const svg = (name, attributes, ...children) => make(document.createElementNS(SVG, name), attributes, children);
        const button = (text, onclick, attributes) => el("button", { type: "button", onclick, ...attributes }, text);
        const figures = (pairs) => el("dl", { class: "figures" },
          pairs.filter((pair) => pair && pair[1] !== undefined && pair[1] !== null && pair[1] !== "")
            .map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));

        // Figures for people: few digits, thousands apart.
        const digits = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
        const count = (n) => digits.format(n);
        const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
        function rate(x) {
          if (!Number.isFinite(x)) return "–";
          const size = Math.abs(x);
          if (size >= 100 || x === 0) return count(x);
          if (size < 0.001) return x.toExponential(1);
          return x.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3);
        }
        const milliseconds = (x) => Number.isFinite(x) ? (x >= 1000 ? `${rate(x / 1000)} s` : `${rate(x)} ms`) : "–";
        function bytes(n) {
          if (!Number.isFinite(n)) return "–";
          for (const [unit, size] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) if (n >= size) return `${(n / size).toFixed(n / size >= 100 ? 0 : 1)} ${unit}`;
          return `${Number.isInteger(n) ? n : n.toFixed(1)} B`;
        }
        const each = (n) => Number.isInteger(n) ? count(n) : n.toFixed(1);
        const fraction = (x) => x.toFixed(4).replace(/0+$/, "").replace(/\.$/, "");
        const times = (x) => `${x >= 10 ? count(x) : x.toFixed(1).replace(/\.0$/, "")} times`;
        function duration(seconds) {
          if (seconds < 90) return `${Math.round(seconds)} s`;
          if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
          if (seconds < 129600) return `${Math.round(seconds / 3600)} h`;
          return `${Math.round(seconds / 86400)} days`;
        }
        function announce(text) { $("live").textContent = text; }
        // Runs `action` once nothing has asked for it for a while.
        function debounced(wait, action) {
          let timer;
          return (...given) => { clearTimeout(timer); timer = setTimeout(() => action(...given), wait); };
        }

        // What a request that failed has to say.
        class Failure extends Error {
          constructor(message, status) { super(message); this.status = status; }
        }
        const keyName = "kukla.key";
        function key() { try { return sessionStorage.getItem(keyName) ?? ""; } catch { return ""; } }

        // Asks the server. Addresses are relative to the page, so that it may stand behind a prefix.
        async function call(method, path, body, options = {}) {
          const headers = { accept: "application/json" };
          if (key()) headers.authorization = `Bearer ${key()}`;
          if (body !== undefined) headers["content-type"] = options.type ?? "application/json";
          let response, text;
          try {
            response = await fetch(path, {
              method, headers, signal: options.signal, cache: "no-store", credentials: "omit", redirect: "error",
              body: body === undefined ? undefined : options.type ? body : JSON.stringify(body),
            });
            text = await response.text();
          } catch (error) {
            if (error.name === "AbortError") throw error;
            throw new Failure("The server does not answer.", 0);
          }
          let answer;
          try { answer = JSON.parse(text); } catch { answer = undefined; }
          if (response.ok) {
            if (answer === undefined) throw new Failure(`The server answered ${method} ${path} with something else than JSON.`, response.status);
            return answer;
          }
          const said = answer?.error?.message ?? (typeof answer?.error === "string" ? answer.error : undefined);
          const failure = new Failure(said ?? `The server answered ${response.status} to ${method} ${path}.`, response.status);
          if (response.status === 401) { failure.isKey = true; askForKey(key() ? failure.message : ""); }
          throw failure;
        }
        const pathOf = (name, rest = "") => `collections/${encodeURIComponent(name)}${rest}`;

        // Shows in `place` why something failed, or nothing.
        function trouble(place, error) {
          place.hidden = !error || error.name === "AbortError";
          if (!place.hidden) place.textContent = error.isKey ? "This needs an API key that the server accepts." : error.message;
        }
        """#
}
