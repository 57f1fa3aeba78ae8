extension ConsolePage {
    /// Search as one types: hits with their scores and where each came from, and where the time went.
    static let searchScript = #"""
        let searching = null;      // stops the search that is under way
        let searchSerial = 0;

        const optionNames = ["where", "effort", "candidates", "recall"];
        const checkedBy = () => document.querySelector("#by input:checked")?.value ?? "both";
        // Whether the server's model makes vectors that can be compared with the collection's.
        function canEmbed() {
          const model = state.status?.model, one = info(), last = (name) => name.split("/").at(-1);
          if (!state.status || !one) return true;
          if (!model || model.dimensions < one.dimensions) return false;
          if (one.models.length) return one.models.every((made) => made.digest === model.digest || model.compatible_with.includes(made.digest));
          return !one.model || last(one.model) === last(model.id);
        }
        const positive = (id) => { const n = Number($(id).value); return Number.isInteger(n) && n > 0 ? n : undefined; };

        // The filter that was typed; throws what is wrong with it.
        function typedFilter() {
          const text = $("where").value.trim();
          if (!text) return undefined;
          let filter;
          try { filter = JSON.parse(text); } catch (error) { throw new Error(`The filter is not JSON: ${error.message}`); }
          if (filter === null || typeof filter !== "object" || Array.isArray(filter)) throw new Error("The filter is not an object such as {\"lang\": \"en\"}.");
          return filter;
        }
        function searchParameters() {
          const parameters = new URLSearchParams();
          if ($("query").value) parameters.set("q", $("query").value);
          if (checkedBy() !== "both") parameters.set("by", checkedBy());
          if (positive("k") && positive("k") !== 10) parameters.set("k", $("k").value);
          for (const id of optionNames) if ($(id).value.trim()) parameters.set(id, $(id).value.trim());
          return parameters;
        }
        async function search() {
          const name = state.name, serial = ++searchSerial;
          searching?.abort();
          const control = searching = new AbortController();
          state.lastSearch = { name, parameters: searchParameters() };
          history.replaceState(null, "", address(name, "search", state.lastSearch.parameters));
          let where;
          try { where = typedFilter(); $("where").removeAttribute("aria-invalid"); $("where-said").textContent = ""; }
          catch (error) { $("where").setAttribute("aria-invalid", "true"); $("where-said").textContent = error.message; return; }
          const text = $("query").value.trim(), k = Math.min(positive("k") ?? 10, 1000), by = checkedBy();
          const started = performance.now();
          try {
            let answer, total;
            if (text) {
              const request = { text, by, k, effort: positive("effort"), candidates: positive("candidates"), recall: Number($("recall").value) || undefined, explain: $("explain").checked || undefined, where };
              answer = await call("POST", pathOf(name, "/search"), request, { signal: control.signal });
            } else {
              const query = new URLSearchParams({ count: k, ...(where ? { where: JSON.stringify(where) } : {}) });
              answer = await call("GET", pathOf(name, `/items?${query}`), undefined, { signal: control.signal });
              if (where) total = (await call("POST", pathOf(name, "/count"), { where }, { signal: control.signal })).count;
            }
            if (serial !== searchSerial) return;
            trouble($("search-trouble"), null);
            drawTiming(answer, performance.now() - started, text, total);
            drawHits(answer.hits ?? answer.items, text, by);
            state.hits = text ? answer.hits.map((hit) => hit.id) : [];
            $("explained").hidden = !answer.explain;
            $("explanation").textContent = answer.explain ? JSON.stringify(answer.explain, null, 2) : "";
          } catch (error) {
            if (serial !== searchSerial || error.name === "AbortError") return;
            $("hits").replaceChildren(); $("timing").replaceChildren(); $("explained").hidden = true;
            trouble($("search-trouble"), error);
          }
        }
        const searchSoon = debounced(110, search);

        function drawTiming(answer, elapsed, text, total) {
          if (!text) {
            const shown = plural(answer.items.length, "item");
            $("timing").replaceChildren(total === undefined ? `The first ${shown}` : `${shown} of ${count(total)} that the filter lets through`);
            if (!answer.items.length) $("timing").replaceChildren("");
            return;
          }
          const { embed_ms: embedding = 0, search_ms: searched = 0 } = answer.timing ?? {};
          const whole = Math.max(elapsed, embedding + searched);
          const part = (kind, width) => { const bar = el("i", { class: kind }); bar.style.width = `${100 * width / whole}%`; return bar; };
          $("timing").replaceChildren(el("b", {}, plural(answer.hits.length, "hit")), el("span", { class: "bar", "aria-hidden": "true" }, part("embed", embedding), part("search", searched)),
            embedding > 0 ? el("span", { class: "embed" }, `${milliseconds(embedding)} embedding`) : "",
            el("span", { class: "search" }, `${milliseconds(searched)} search`), el("span", { class: "rest" }, `${milliseconds(elapsed)} there and back`));
        }

        // Parts of `text`, with the words that were asked for marked.
        function marked(text, query) {
          const all = [...new Set((query.toLowerCase().match(/[\p{L}\p{N}]{2,}/gu) ?? []))], telling = all.filter((word) => !stopWords.has(word));
          const words = telling.length ? telling : all;
          if (!words.length) return [text];
          const pattern = new RegExp(`(?<![\\p{L}\\p{N}])(${words.map((word) => word.replace(/[^\p{L}\p{N}]/gu, "")).join("|")})(?![\\p{L}\\p{N}])`, "giu");
          return text.split(pattern).map((piece, at) => at % 2 ? el("mark", {}, piece) : piece);
        }
        function drawHits(hits, text, by) {
          const scores = hits.map((hit) => hit.score ?? NaN), best = Math.max(...scores);
          const hasMeter = scores.length > 1 && scores.every((score) => score > 0);
          $("hits").replaceChildren(...hits.map((hit, at) => drawHit(hit, at, text, by, hasMeter ? hit.score / best : null)));
          if (hits.length) return;
          const isEmpty = !info()?.count;
          $("hits").append(el("li", { class: "card empty" }, el("h2", {}, isEmpty ? "Nothing in here yet" : "No hits"),
            el("p", {}, isEmpty ? "Drop a file of items anywhere on this page, or paste some." : by === "words" ? "No item has these words. A search by vector finds by meaning." : "Try other words, or a wider filter."),
            isEmpty && button("Import items", () => openView(state.name, "import"), { class: "primary" })));
        }
        function drawHit(hit, at, query, by, part) {
          const meter = part === null ? null : el("span", { class: "meter", "aria-hidden": "true" }, el("i"));
          if (meter) meter.firstChild.style.width = `${100 * part}%`;
          const ranks = by === "both" && hit.score !== undefined ? [["vector", hit.vector_rank], ["words", hit.text_rank]]
            .filter(([, rank]) => rank !== undefined && rank !== null).map(([name, rank]) => el("span", { class: "rank" }, `${name} ${count(rank)}`)) : [];
          const item = el("li", { class: "hit", tabindex: at === 0 ? "0" : "-1", "data-id": JSON.stringify(hit.id) },
            el("header", {}, el("span", { class: "number" }, at + 1), el("span", { class: "id", title: String(hit.id) }, String(hit.id)), ranks,
              hit.score !== undefined && el("span", { class: "score" }, rate(hit.score)), meter),
            el("p", { class: "text" }, hit.text ? marked(hit.text, query) : el("span", { class: "muted" }, "without text")),
            drawChips(hit.metadata));
          item.addEventListener("click", (event) => { if (!event.target.closest("button,a,pre") && !String(getSelection())) toggleHit(item, hit); });
          item.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.target === item) { event.preventDefault(); toggleHit(item, hit); } });
          return item;
        }
        function drawChips(metadata) {
          const pairs = Object.entries(metadata ?? {}).filter(([, value]) => value === null || typeof value !== "object").slice(0, 8);
          return pairs.length ? el("div", { class: "chips" }, pairs.map(([name, value]) =>
            button([el("b", {}, name), String(value)], () => filterBy(name, value), { class: "chip", title: "Filter by this value" }))) : null;
        }
        function filterBy(name, value) {
          let filter = {};
          try { filter = typedFilter() ?? {}; } catch { /* what is no filter is replaced */ }
          filter[name] = value;
          openMore(true);
          $("where").value = JSON.stringify(filter);
          search();
        }
        function toggleHit(item, hit) {
          const isOpen = item.toggleAttribute("data-open");
          item.querySelector(".detail")?.remove();
          if (!isOpen) return;
          item.append(el("div", { class: "detail" },
            figures([["id", String(hit.id)], ["score", hit.score === undefined ? null : String(hit.score)], ["distance", hit.distance === undefined || hit.distance === null ? null : String(hit.distance)]]),
            Object.keys(hit.metadata ?? {}).length ? el("pre", {}, JSON.stringify(hit.metadata, null, 2)) : null,
            el("div", { class: "row" }, button("Find similar", () => findSimilar(hit)), button("Show on the map", () => { state.hits = [hit.id]; openView(state.name, "map"); }))));
        }
        async function findSimilar(hit) {
          const name = state.name, serial = ++searchSerial, started = performance.now();
          try {
            const item = await call("GET", pathOf(name, `/items/${encodeURIComponent(String(hit.id))}?vectors=true`));
            if (!item.vector) throw new Failure("The server gives no vector of this item.", 0);
            const answer = await call("POST", pathOf(name, "/search"), { vector: item.vector, by: "vector", k: positive("k") ?? 10, where: typedFilter() });
            if (serial !== searchSerial) return;
            trouble($("search-trouble"), null);
            drawTiming(answer, performance.now() - started, "similar");
            $("timing").prepend(el("b", {}, `Similar to ${String(hit.id)}:`));
            drawHits(answer.hits, "", "vector");
            state.hits = answer.hits.map((one) => one.id);
            $("hits").firstElementChild?.focus();
          } catch (error) { trouble($("search-trouble"), error); }
        }

        // Down from the box into the hits, up and down between them, up from the first back to the box.
        function moveAmongHits(event) {
          if (!["ArrowDown", "ArrowUp"].includes(event.key)) return;
          const hits = [...document.querySelectorAll(".hit")];
          if (event.target === $("query")) {
            if (event.key === "ArrowDown" && hits.length) { event.preventDefault(); hits[0].focus(); }
            return;
          }
          const at = hits.indexOf(event.target.closest(".hit"));
          if (at < 0) return;
          event.preventDefault();
          const to = at + (event.key === "ArrowDown" ? 1 : -1);
          if (to < 0) return $("query").focus();
          if (!hits[to]) return;
          hits[at].tabIndex = -1; hits[to].tabIndex = 0; hits[to].focus();
        }
        function openMore(isOpen) {
          $("more").hidden = !isOpen;
          $("more-button").setAttribute("aria-expanded", String(isOpen));
        }
        views.search = {
          show(parameters) {
            $("query").value = parameters.get("q") ?? "";
            for (const id of optionNames) $(id).value = parameters.get(id) ?? "";
            $("k").value = parameters.get("k") ?? "10";
            const hasModel = canEmbed();
            const by = parameters.get("by") ?? (hasModel ? "both" : "words");
            for (const option of document.querySelectorAll("#by input")) {
              option.disabled = !hasModel && option.value !== "words";
              option.checked = option.value === by;
              option.parentElement.title = option.disabled ? "The server has no model that makes vectors of this collection's kind" : "";
            }
            openMore(optionNames.some((id) => $(id).value) || !$("more").hidden);
            search();
          },
          leave() { searching?.abort(); searchSerial += 1; },
        };
        """#
}
