extension ConsolePage {
    /// What stands around the views: addresses, collections, tabs, theme, key and dialogs.
    static let shellScript = #"""
        const state = { collections: [], aliases: {}, status: null, name: null, view: null, hits: [] };
        const views = {};   // name: { show(info), leave() }
        const tabNames = ["search", "plan", "map", "import", "manage"];
        const info = () => state.collections.find((one) => one.name === state.name);

        // MARK: Addresses: #/server, #/notes/search?q=...

        function address(name, view, parameters) {
          const query = parameters?.toString();
          return `#/${encodeURIComponent(name)}/${view}${query ? `?${query}` : ""}`;
        }
        function parsedAddress() {
          const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
          const parts = path.split("/").map((part) => { try { return decodeURIComponent(part); } catch { return ""; } });
          const parameters = new URLSearchParams(query ?? "");
          if (parts[0] === "server" && parts.length === 1) return { view: "server", parameters };
          return { name: parts[0] || null, view: tabNames.includes(parts[1]) ? parts[1] : "search", parameters };
        }

        // MARK: Collections

        async function loadCollections() {
          const answer = await call("GET", "collections");
          state.collections = answer.collections.sort((a, b) => a.name.localeCompare(b.name));
          state.aliases = answer.aliases ?? {};
          drawCollections();
        }
        async function reloadInfo() {
          if (!state.name) return;
          const one = await call("GET", pathOf(state.name));
          const at = state.collections.findIndex((other) => other.name === one.name);
          if (at >= 0) state.collections[at] = one; else state.collections.push(one);
          drawCollections(); drawHead();
        }
        function drawCollections() {
          $("collections").replaceChildren(...state.collections.map((one) => el("li", {},
            el("a", { href: address(one.name, state.view && state.view !== "server" ? state.view : "search"),
              "aria-current": one.name === state.name && "page", title: one.name },
              el("span", {}, one.name), el("span", { class: "number" }, count(one.count), el("span", { class: "unseen" }, " items"))))));
          if (!state.collections.length) $("collections").append(el("li", { class: "muted small" }, "none yet"));
        }
        function planText(plan) {
          if (typeof plan === "string") return plan;
          if (plan?.budget !== undefined) return `the best at ${each(plan.budget)} B a vector`;
          return plan ? JSON.stringify(plan) : "F32";
        }
        function drawHead() {
          const one = info();
          $("collection-head").hidden = !one || state.view === "server";
          if (!one) return;
          $("title").textContent = one.name;
          const names = Object.keys(state.aliases).filter((alias) => state.aliases[alias] === one.name);
          $("alias-names").textContent = names.length ? `also called ${names.join(", ")}` : "";
          const fact = (value, name) => el("span", {}, el("b", {}, value), " ", name);
          $("facts").replaceChildren(
            fact(count(one.count), one.count === 1 ? "item" : "items"),
            fact(count(one.dimensions), `dimensions, ${{ ip: "inner product", l2: "squared distance" }[one.metric] ?? one.metric}`),
            one.index ? fact(one.index.configuration, "index") : fact(planText(one.plan), "planned, no index yet"),
            one.index ? fact(`${each(one.index.bytes_per_vector)} B`, `a vector, ${times(4 * one.dimensions / one.index.bytes_per_vector)} smaller than float32`) : "",
            one.fresh + one.unheld > 0 ? fact(count(one.fresh + one.unheld), "not in the index yet") : "",
            fact(bytes(one.database_bytes), "on disk"));
        }

        // MARK: Views

        async function route() {
          const wanted = parsedAddress();
          if (!wanted.name && wanted.view !== "server") {
            const first = state.collections.find((one) => one.name === state.name) ?? state.collections[0];
            if (first) { history.replaceState(null, "", address(first.name, wanted.view)); return route(); }
          }
          const alias = state.aliases[wanted.name];
          const name = state.collections.some((one) => one.name === wanted.name) ? wanted.name : alias ?? null;
          const view = wanted.view === "server" ? "server" : name ? wanted.view : "none";
          if (state.view && (state.view !== view || state.name !== name)) views[state.view]?.leave?.();
          if (view !== "server") state.name = name;
          state.view = view;
          document.title = view === "server" ? "Server – Kukla" : name ? `${name} – Kukla` : "Kukla";
          drawCollections(); drawHead();
          for (const other of [...tabNames, "server", "none"]) $(`view-${other}`).hidden = other !== view;
          for (const tab of tabNames) {
            $(`tab-${tab}`).setAttribute("aria-selected", String(tab === view));
            $(`tab-${tab}`).tabIndex = tab === view ? 0 : -1;
          }
          $("health").toggleAttribute("aria-current", view === "server");
          if (view === "none") drawNone(wanted.name); else views[view].show(wanted.parameters);
        }
        function drawNone(name) {
          const create = state.collections.length || name ? "Create a collection" : "Create the first collection";
          $("view-none").replaceChildren(el("div", { class: "card empty" },
            el("h2", {}, name ? `There is no collection ‘${name}’` : "No collections yet"),
            el("p", {}, "A collection keeps texts with their vectors. Create one, then drop a file of items here."),
            button(create, () => openCreate(), { class: "primary" })));
        }
        function openView(name, view) {
          const last = view === "search" && state.lastSearch?.name === name ? state.lastSearch.parameters : undefined;
          const next = address(name, view, last);
          if (location.hash === next) route(); else location.hash = next;
        }
        function moveTab(event) {
          const at = tabNames.indexOf(event.target.id.replace("tab-", ""));
          const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabNames.length - 1 }[event.key];
          if (at < 0 || to === undefined) return;
          event.preventDefault();
          const name = tabNames[(to + tabNames.length) % tabNames.length];
          openView(state.name, name);
          $(`tab-${name}`).focus();
        }

        // MARK: Theme and key

        const themes = ["system", "light", "dark"];
        function theme() { try { return themes.includes(localStorage.getItem("kukla.theme")) ? localStorage.getItem("kukla.theme") : "system"; } catch { return "system"; } }
        function applyTheme(name) {
          try { localStorage.setItem("kukla.theme", name); } catch { /* a browser without storage keeps to the system's */ }
          if (name === "system") delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = name;
          $("theme-name").textContent = name;
          $("theme-button").setAttribute("aria-label", `Theme: ${name}`);
        }

        function drawKey() { $("key-button").textContent = key() ? "Key ✓" : "API key"; }
        function askForKey(message) {
          $("key-trouble").hidden = !message;
          $("key-trouble").textContent = message ?? "";
          if ($("key-dialog").open) return;
          $("key").value = key();
          $("key-dialog").showModal();
          $("key").select();
        }
        async function useKey(text) {
          try { if (text) sessionStorage.setItem(keyName, text); else sessionStorage.removeItem(keyName); }
          catch { return askForKey("This browser does not let the page keep a key for the tab."); }
          drawKey();
          try {
            await loadCollections();
            $("key-dialog").close();
            trouble($("trouble"), null);
            route(); pollStatus();
          } catch (error) { if (!error.isKey) { $("key-dialog").close(); trouble($("trouble"), error); } }
        }

        // Asks whether to do what cannot be undone; `word` must be typed where there is one.
        function confirmed(title, text, action, word) {
          return new Promise((resolve) => {
            const input = word ? el("input", { autocomplete: "off", spellcheck: "false" }) : null;
            const form = $("confirm-form");
            form.replaceChildren(el("h2", { id: "confirm-title" }, title), el("p", {}, text),
              input && el("label", {}, el("span", {}, "Type ", el("code", {}, word), " to go on"), input) || "",
              el("div", { class: "actions" }, button("Cancel", () => $("confirm-dialog").close()), el("button", { type: "submit", class: "danger" }, action)));
            let isSure = false;
            form.onsubmit = (event) => {
              event.preventDefault();
              if (input && input.value !== word) { input.setAttribute("aria-invalid", "true"); input.focus(); return; }
              isSure = true; $("confirm-dialog").close();
            };
            $("confirm-dialog").onclose = () => resolve(isSure);
            $("confirm-dialog").showModal();
          });
        }
        """#
}
