extension ConsolePage {
    /// Health: asked every few seconds while the page is seen, at a glance beside everything, and in full on a page of its own.
    static let serverScript = #"""
        const recent = { rate: [], p99: [], memory: [], waiting: [] };   // of the last minutes, newest last
        const most = 60, pollSeconds = 5;
        let pollTimer = null;

        function sparkline(values, width = 200, height = 38) {
          const top = Math.max(...values, 1e-9), step = width / (Math.max(12, values.length) - 1), from = width - (values.length - 1) * step;
          const line = values.map((value, at) => `${(from + at * step).toFixed(1)} ${(height - 2 - (height - 6) * value / top).toFixed(1)}`).join("L");
          return svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" }, svg("path", { class: "spark-base", d: `M0 ${height - 0.5}H${width}` }),
            values.length > 1 ? [svg("path", { class: "spark-area", d: `M${from.toFixed(1)} ${height}L${line}L${width} ${height}Z` }), svg("path", { class: "spark", d: `M${line}` })] : "");
        }
        // Imports and compactions take as long as they take: what one waits for is told by its kind.
        const within = (requests, kind, part) => requests.latency_ms[kind][part] === null ? "–" : milliseconds(requests.latency_ms[kind][part]);
        function drawHealth(status, error) {
          const isGood = status && !error, requests = status?.requests;
          $("health").replaceChildren(
            el("span", { class: "state" }, el("span", { class: `dot ${isGood ? "good" : "bad"}` }), isGood ? `Up ${duration(status.uptime_seconds)}` : error?.isKey ? "Needs a key" : error?.status === 403 ? "Status is not for this key" : "No answer"),
            isGood ? el("dl", {}, [["requests/s", rate(requests.rate_1m)], ["p99 of searches", within(requests, "searches", "p99")], ["memory", bytes(status.memory_bytes)], ["waiting", count(status.queue.waiting)]].map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])) : "",
            isGood ? sparkline(recent.rate, 200, 30) : "");
        }
        function drawServer() {
          const status = state.status;
          if (!status) return $("view-server").replaceChildren(el("p", { class: "muted" }, "The server has not answered yet."));
          const tile = (title, value, unit, values) => el("div", { class: "tile" }, el("span", { class: "label" }, title), el("strong", {}, value, unit ? el("small", {}, ` ${unit}`) : ""), values ? sparkline(values) : "");
          const { requests, queue, model } = status;
          $("view-server").replaceChildren(el("div", { class: "head" }, el("h1", {}, "Server"), el("span", { class: "muted" }, `Kukla ${status.version}, up ${duration(status.uptime_seconds)}, ${plural(status.threads, "thread")}`)),
            el("div", { class: "tiles" }, tile("Requests", rate(requests.rate_1m), "a second", recent.rate), tile("99% of searches within", within(requests, "searches", "p99"), "", recent.p99),
              tile("Memory", bytes(status.memory_bytes), "", recent.memory), tile("Waiting to be embedded", count(queue.waiting), `of ${count(queue.capacity)}`, recent.waiting)),
            el("div", { class: "pair" }, el("div", { class: "card" }, el("h2", {}, "Since the start"), figures([["requests", count(requests.total)], ["failed", count(requests.errors)], ...["searches", "embeddings"].map((kind) => [`${kind}, median, 95%, 99% within`, ["p50", "p95", "p99"].map((part) => within(requests, kind, part)).join(", ")]),
              ["collections", count(status.collections)], ["aliases", Object.entries(state.aliases).map(([alias, name]) => `${alias} → ${name}`).join(", ")]])),
            el("div", { class: "card" }, el("h2", {}, "Model"), model ? figures([["name", model.id], ["dimensions", count(model.dimensions)], ["longest text", `${count(model.maximum_length)} tokens`], ["measured sizes", (model.sizes ?? []).map(String).join(", ") || "only the full one"]]) : el("p", { class: "muted" }, "None: texts get no vectors here. Start the server with --model."))),
            el("p", { class: "small muted" }, "For machines: ", el("a", { href: "openapi.json" }, "openapi.json"), ", ", el("a", { href: "readyz" }, "readyz"), ", ", key() ? [el("code", {}, "/metrics"), " with a key"] : el("a", { href: "metrics" }, "metrics")));
        }
        async function pollStatus() {
          clearTimeout(pollTimer);
          pollTimer = setTimeout(pollStatus, pollSeconds * 1000);
          if (document.hidden || $("key-dialog").open) return;
          try {
            const status = await call("GET", "status");
            const had = Boolean(state.status?.model), wasKnown = Boolean(state.status);
            state.status = status;
            for (const [name, value] of [["rate", status.requests.rate_1m], ["p99", status.requests.latency_ms.searches.p99], ["memory", status.memory_bytes], ["waiting", status.queue.waiting]]) { recent[name].push(value ?? 0); if (recent[name].length > most) recent[name].shift(); }
            $("version").textContent = status.version;
            drawHealth(status, null);
            if (state.view === "server") drawServer();
            if (state.view === "search" && (!wasKnown || had !== Boolean(status.model)) && !status.model) views.search.show(parsedAddress().parameters);
          } catch (error) { drawHealth(null, error); }
        }
        views.server = { show: drawServer };
        views.none = { show() {} };
        """#

    /// Listens to what the person does, and shows what the address asks for.
    static let startScript = #"""
        $("search-form").addEventListener("submit", (event) => { event.preventDefault(); search(); });
        for (const id of ["query", "k", ...optionNames]) $(id).addEventListener("input", searchSoon);
        for (const option of [...document.querySelectorAll("#by input"), $("explain")]) option.addEventListener("change", search);
        $("query").addEventListener("keydown", (event) => { if (event.key === "Escape" && $("query").value) { event.preventDefault(); $("query").value = ""; search(); } });
        $("view-search").addEventListener("keydown", moveAmongHits);
        $("more-button").addEventListener("click", () => { openMore($("more").hidden); if (!$("more").hidden) $("where").focus(); });
        for (const name of tabNames) $(`tab-${name}`).addEventListener("click", () => openView(state.name, name));
        $("tabs").addEventListener("keydown", moveTab);
        $("create-button").addEventListener("click", openCreate);
        $("theme-button").addEventListener("click", () => applyTheme(themes[(themes.indexOf(theme()) + 1) % themes.length]));
        $("key-button").addEventListener("click", () => askForKey(""));
        $("key-form").addEventListener("submit", (event) => { event.preventDefault(); useKey($("key").value.trim()); });
        $("key-cancel").addEventListener("click", () => $("key-dialog").close());
        $("key-forget").addEventListener("click", () => { $("key").value = ""; useKey(""); });
        $("help-button").addEventListener("click", () => $("help-dialog").showModal());
        for (const link of document.querySelectorAll("[data-skip]")) link.addEventListener("click", (event) => {
          event.preventDefault();
          if (link.dataset.skip === "query" && state.view !== "search" && state.name) openView(state.name, "search");
          setTimeout(() => $(link.dataset.skip).focus());
        });
        addEventListener("keydown", (event) => {
          if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") || event.target.matches?.("input:not([type=checkbox],[type=radio]),textarea,select")) return;
          if (event.key === "/" && state.name) { event.preventDefault(); if (state.view !== "search") openView(state.name, "search"); setTimeout(() => { $("query").focus(); $("query").select(); }); }
          if (event.key === "?") { event.preventDefault(); $("help-dialog").showModal(); }
        });
        addEventListener("hashchange", route);
        document.addEventListener("visibilitychange", () => { if (!document.hidden) pollStatus(); });
        listenToDrops();
        applyTheme(theme());
        drawKey();
        await pollStatus();
        try { await loadCollections(); route(); if (state.view === "search" && innerWidth > 820) $("query").focus(); }
        catch (error) { trouble($("trouble"), error); }
        """#
}
