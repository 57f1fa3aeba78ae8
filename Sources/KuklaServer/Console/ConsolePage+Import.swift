extension ConsolePage {
    /// Import: drop, choose or paste; see what would be sent; send it in parts that the server has kept before the next goes.
    static let importScript = #"""
        const importing = { file: null, format: null, control: null };

        function drawImport() {
          const place = $("view-import");
          if (importing.control) return;   // an import goes on: its card stays
          const chooser = el("input", { type: "file", id: "file", class: "unseen", tabindex: "-1", "aria-hidden": "true", accept: ".jsonl,.ndjson,.json,.csv,.tsv,.txt,.gz", onchange: () => takeFile(chooser.files[0]) });
          const pasted = el("textarea", { id: "pasted", rows: "4", placeholder: "A line of text for each item, or a JSON object a line", spellcheck: "false" });
          place.replaceChildren(
            el("div", { class: "drop", id: "drop" }, el("h2", {}, "Drop a file here"), el("p", {}, "JSON lines (", el("code", {}, "id, text, metadata, vector"), "), a JSON array, CSV, TSV, or lines of text; gzip of each"),
              el("p", { class: "muted small" }, "Items with an id that is there already replace it. Items without a vector get one of their text, by the server's model."),
              el("div", { class: "buttons" }, button("Choose a file", () => chooser.click(), { class: "primary" }), chooser)),
            el("div", { class: "card stack" }, el("label", {}, el("span", {}, "Or paste"), pasted),
              el("div", {}, button("Import what was pasted", () => {
                const text = pasted.value.trim();
                if (text) takeFile(new File([text], text[0] === "{" || text[0] === "[" ? "pasted.json" : "pasted.txt")); else pasted.focus();
              }))));
        }
        async function takeFile(file, others = 0) {
          if (!file || importing.control) return;
          const place = $("view-import");
          try { Object.assign(importing, { file, format: await formatOf(file) }); }
          catch (error) { importing.file = null; drawImport(); place.prepend(el("div", { class: "banner", role: "alert" }, `${file.name}: ${error.message}`)); return; }
          await drawPreview();
          if (others) $("import-card").prepend(el("p", { class: "note" }, `One file at a time: ${plural(others, "other file")} ${others === 1 ? "was" : "were"} left.`));
        }
        async function drawPreview() {
          const { file, format } = importing, place = $("view-import"), shown = el("pre", { id: "preview" });
          const redraw = async () => {
            const lines = [];
            try { for await (const line of itemLinesOf(file, format)) { lines.push(line.length > 600 ? `${line.slice(0, 600)}…` : line); if (lines.length === 3) break; } }
            catch (error) { lines.push(error.message); }
            shown.textContent = lines.join("\n") || "Nothing: the file is empty.";
          };
          const roles = format.columns?.map((column) => el("label", {}, el("span", {}, column.name, column.isNumber ? " (numbers)" : ""),
            el("select", { onchange: (event) => { column.role = event.target.value; redraw(); } }, ["id", "text", "metadata", "left out"].map((role) => el("option", { value: role, selected: role === column.role }, role)))));
          place.replaceChildren(el("div", { class: "card stack", id: "import-card" },
            el("div", {}, el("h2", {}, file.name), el("p", { class: "muted small" }, `${bytes(file.size)}, ${format.kind}`)),
            roles ? el("div", { class: "more" }, roles) : "",
            format.kind === "table" ? el("label", { class: "check" }, el("input", { type: "checkbox", checked: format.hasHeader, onchange: (event) => { format.hasHeader = event.target.checked; redraw(); } }), el("span", {}, "The first row names the columns")) : "",
            el("div", {}, el("h3", { class: "label" }, "The first items, as they will be sent"), shown),
            el("div", { class: "row" }, button(`Import into ${state.name}`, () => runImport(), { class: "primary", id: "import-go" }), button("Another file", () => { importing.file = null; drawImport(); }))));
          await redraw();
          $("import-go").focus();
        }

        // Sends the file in parts that grow and shrink so that each takes about a second: what was answered is kept, whatever comes next.
        async function runImport() {
          const { file, format } = importing, name = state.name, place = $("view-import");
          let started = performance.now(), total = 0;
          const control = importing.control = new AbortController();
          const done = { lines: 0, inserted: 0, replaced: 0, read: 0 };
          const bar = el("progress", { max: file.size || 1, value: 0, "aria-label": "Progress of the import" }), said = el("p", { class: "number", id: "import-said", role: "status" });
          const stop = button("Stop", () => control.abort());
          place.replaceChildren(el("div", { class: "card stack" }, el("h2", {}, `Importing ${file.name} into ${name}`), bar, said, el("div", {}, stop)));
          const report = () => {
            bar.max = total || file.size || 1;
            bar.value = total ? done.lines : done.read;
            const seconds = (performance.now() - started) / 1000;
            said.textContent = `${total ? `${count(done.lines)} of ${plural(total, "item")}` : plural(done.lines, "item")} kept${done.replaced ? `, of which ${count(done.replaced)} replaced older ones` : ""}; ${count(done.lines / Math.max(seconds, 0.001))} items/s`;
          };
          let failure = null;
          try {
            // A file that is read twice soon is read whole first: progress is then of items, and what is no table or no text is said before any is sent.
            said.textContent = "Reading the file…";
            if (file.size < 50e6) for await (const line of itemLinesOf(file, format)) { total += line ? 1 : 0; if (control.signal.aborted) throw new DOMException("stopped", "AbortError"); }
            started = performance.now();
            let part = [], length = 0, limit = 64, read = 0;
            const send = async () => {
              const from = done.lines + 1, begun = performance.now();
              let answer;
              try { answer = await call("POST", pathOf(name, "/import"), part.join("\n") + "\n", { type: "application/x-ndjson", signal: control.signal }); }
              catch (error) { if (error.status === 400) placeFault(error, from, part.length, done); throw error; }
              done.lines += answer.lines; done.inserted += answer.inserted; done.replaced += answer.replaced; done.read = read;
              const seconds = (performance.now() - begun) / 1000;
              limit = Math.round(Math.min(20000, Math.max(16, limit * Math.min(2, Math.max(0.5, 0.8 / Math.max(seconds, 0.01))))));
              part = []; length = 0;
              report();
            };
            for await (const line of itemLinesOf(file, format, (n) => { read = n; })) {
              if (control.signal.aborted) throw new DOMException("stopped", "AbortError");
              part.push(line); length += line.length;
              if (part.length >= limit || length > 4e6) await send();
            }
            if (part.length) await send();
            done.read = file.size;
          } catch (error) { failure = error; }
          importing.control = null; importing.file = null;
          report();
          const isStopped = failure?.name === "AbortError", summary = `${plural(done.lines, "item")} in ${rate((performance.now() - started) / 1000)} s`;
          stop.replaceWith(el("div", { class: "row" }, button("Search them", () => openView(name, "search"), { class: "primary" }), button("Import more", () => drawImport())));
          said.after(failure && !isStopped ? el("div", { class: "banner", role: "alert" }, failure.isKey ? "This needs an API key that may write." : failure.message) : el("p", { class: "note", id: "import-done" }, isStopped ? `Stopped: ${summary} were kept.` : `Imported ${summary}.`));
          announce(failure ? "The import stopped" : `Imported ${summary}`);
          if (state.name === name) reloadInfo().catch(() => {}); else loadCollections().catch(() => {});
        }

        // A part's error counts lines and what was kept in the part; people count in the file.
        function placeFault(error, from, length, done) {
          const [, line, what] = /^Line (\d+): ([^]*)$/.exec(error.message) ?? [];
          const kept = /\s*(\d+) items? were kept\.$/.exec(error.message);
          if (kept) done.lines += Number(kept[1]);
          error.message = line ? `Item ${count(from + Number(line) - 1)}: ${what.replace(/\s*\d+ items? were kept\.$/, "")} What came before it was kept.` : `Items ${count(from)} to ${count(from + length - 1)}: ${error.message}`;
        }

        // A file may be dropped anywhere.
        function listenToDrops() {
          let depth = 0;
          const hasFiles = (event) => [...event.dataTransfer?.types ?? []].includes("Files");
          const show = (isOver) => { $("veil").hidden = !isOver || !state.name; };
          addEventListener("dragenter", (event) => { if (hasFiles(event)) { event.preventDefault(); depth += 1; show(true); } });
          addEventListener("dragleave", (event) => { if (hasFiles(event)) { depth = Math.max(0, depth - 1); if (!depth) show(false); } });
          addEventListener("dragover", (event) => { if (hasFiles(event)) event.preventDefault(); });
          addEventListener("drop", (event) => {
            if (!hasFiles(event)) return;
            event.preventDefault(); depth = 0; show(false);
            const file = event.dataTransfer.files[0];
            if (!state.name) { announce("Create a collection first"); return; }
            importing.file = file;
            openView(state.name, "import");
            takeFile(file, event.dataTransfer.files.length - 1);
          });
        }
        views.import = { show() { if (!importing.file) drawImport(); } };
        """#
}
