extension ConsolePage {
    /// The snapshots that the server keeps: taking one of the collection, and restoring one, as a new collection or in place of one.
    static let snapshotsScript = #"""
        function snapshotsCard() {
          const name = state.name;
          const said = el("p", { class: "small unseen", role: "status" }), failed = el("div", { class: "banner", role: "alert", hidden: true });
          const wanted = el("input", { "aria-label": "Name of the snapshot", value: `${name}-${new Date().toISOString().slice(0, 10)}`, spellcheck: "false" });
          const target = el("input", { id: "restore-as", "aria-label": "Restore as", value: name, spellcheck: "false" });
          const list = el("ul", { class: "plain", id: "snapshots" });
          // One request at a time, and what came of it beside the buttons.
          async function go(action) {
            for (const one of card.querySelectorAll("button")) one.disabled = true;
            said.className = "small"; said.textContent = "Working…"; trouble(failed, null);
            try { said.textContent = await action(); await draw(); } catch (error) { said.textContent = ""; trouble(failed, error); }
            for (const one of card.querySelectorAll("button")) one.disabled = false;
          }
          async function restore(snapshot) {
            const as = target.value.trim(), replace = state.collections.some((one) => one.name === as);
            if (replace && !await confirmed(`Replace ${as}?`, `What is in it now is gone for good, and what the snapshot ‘${snapshot}’ holds is in its place.`, "Replace", as)) return;
            await go(async () => {
              const made = await call("POST", pathOf(as, "/restore"), { snapshot, replace });
              await loadCollections();
              return `${made.name} is as it was in ${snapshot}: ${plural(made.count, "item")}.`;
            });
          }
          async function draw() {
            const names = (await call("GET", "snapshots")).snapshots;
            list.replaceChildren(...names.map((snapshot) => el("li", { class: "row" }, el("span", {}, snapshot), button("Restore", () => restore(snapshot), { "aria-label": `Restore ${snapshot}` }))));
            if (!names.length) list.replaceChildren(el("li", { class: "muted small" }, "None yet."));
          }
          const card = el("div", { class: "card stack" }, el("div", {}, el("h2", {}, "Snapshots"), el("p", { class: "muted small" }, "Copies in the server's folder, of all collections, to restore from.")),
            el("div", { class: "row" }, wanted, button("Take a snapshot", () => go(async () => `Kept as ${(await call("POST", pathOf(name, "/snapshot"), { name: wanted.value.trim() })).snapshot}.`))),
            list, el("label", {}, el("span", {}, "Restore as"), target), said, failed);
          draw().catch((error) => trouble(failed, error));
          return card;
        }
        """#
}
