extension ConsolePage {
    /// Creating a collection, and what is done to one: index, paths, snapshot, alias, deletion.
    static let manageScript = #"""
        function openCreate() {
          const form = $("create-form"), model = state.status?.model;
          const field = (title, input, hint) => el("label", {}, el("span", {}, title), input, hint && el("span", { class: "small muted" }, hint));
          const name = el("input", { id: "new-name", required: true, maxlength: "100", autocomplete: "off", spellcheck: "false", placeholder: "notes" });
          const kind = el("select", { id: "new-kind" }, el("option", { value: "budget" }, "Best recall within a budget"), el("option", { value: "factory" }, "By factory string"), el("option", { value: "exact" }, "Exact, 4 bytes a number"));
          const budget = el("input", { type: "number", min: "1", step: "any", value: "48", id: "new-budget" }), fitAt = el("input", { type: "number", min: "20", value: "1000", id: "new-fit" });
          const factory = el("input", { id: "new-factory", value: "SQ8", spellcheck: "false", class: "mono" });
          const dimensions = el("input", { type: "number", min: "1", max: "65536", id: "new-dimensions", placeholder: model ? `the model's ${model.dimensions}` : "384", required: !model });
          const metric = el("select", {}, [["cosine", "cosine"], ["ip", "inner product"], ["l2", "squared distance"]].map(([value, text]) => el("option", { value }, text)));
          const stored = el("select", {}, el("option", { value: "float32" }, "32-bit floats"), el("option", { value: "float16" }, "16-bit floats"));
          const budgetRow = el("div", { class: "more" }, field("Bytes a vector", budget), field("Fitted once there are … items", fitAt)), factoryRow = field("Factory string", factory);
          const failed = el("div", { class: "banner", role: "alert", hidden: true });
          const change = () => { budgetRow.hidden = kind.value !== "budget"; factoryRow.hidden = kind.value !== "factory"; };
          kind.onchange = change; change();
          form.replaceChildren(el("h2", { id: "create-title" }, "Create a collection"), failed, field("Name", name, "Letters, digits, - _ ."), field("Index", kind), budgetRow, factoryRow,
            el("div", { class: "more" }, field("Dimensions", dimensions), field("Metric", metric), field("Vectors kept as", stored)),
            el("div", { class: "actions" }, button("Cancel", () => $("create-dialog").close()), el("button", { type: "submit", class: "primary" }, "Create")));
          form.onsubmit = async (event) => {
            event.preventDefault();
            const plan = { budget: { budget: Number(budget.value), fit_at: Number(fitAt.value) }, factory: factory.value.trim(), exact: "F32" }[kind.value];
            const wish = { plan, metric: metric.value, vector_format: stored.value };
            if (dimensions.value) wish.dimensions = Number(dimensions.value);
            try {
              if (state.collections.some((one) => one.name === name.value)) throw new Failure(`There is a collection ‘${name.value}’ already.`, 409);
              await call("PUT", pathOf(name.value.trim()), wish);
              $("create-dialog").close();
              await loadCollections();
              openView(name.value.trim(), "import");
            } catch (error) { trouble(failed, error); name.focus(); }
          };
          $("create-dialog").showModal();
          name.focus();
        }

        // A button that runs a request and says beside itself what came of it.
        function doing(title, text, label, action, extra) {
          const said = el("p", { class: "small unseen", role: "status" }), failed = el("div", { class: "banner", role: "alert", hidden: true });
          const go = button(label, async () => {
            go.disabled = true; said.className = "small"; said.textContent = "Working…"; trouble(failed, null);
            try { said.textContent = await action() ?? ""; await reloadInfo().catch(() => {}); } catch (error) { said.textContent = ""; trouble(failed, error); }
            go.disabled = false;
          });
          return el("div", { class: "card stack" }, el("div", {}, el("h2", {}, title), el("p", { class: "muted small" }, text)), el("div", { class: "row" }, extra ?? "", go), said, failed);
        }
        function drawManage() {
          const one = info(), name = state.name;
          const path = el("input", { "aria-label": "Path into metadata", placeholder: "year", spellcheck: "false", class: "mono" });
          const alias = el("input", { "aria-label": "Alias", placeholder: "current", spellcheck: "false" });
          const remove = button("Delete the collection", async () => {
            if (!await confirmed(`Delete ${name}?`, `Its ${plural(info()?.count ?? 0, "item")} are gone for good. A snapshot would be left.`, "Delete", name)) return;
            try { await call("DELETE", pathOf(name)); state.name = null; await loadCollections(); location.hash = "#/"; route(); }
            catch (error) { const failed = el("div", { class: "banner", role: "alert" }); trouble(failed, error); remove.after(failed); }
          }, { class: "danger" });
          const card = el("div", { class: "card" }, el("h2", {}, "What it is"), figures([["items", count(one.count)], ["last operation", count(one.operation)], ["plan", planText(one.plan)], ["model", one.model], ["vectors kept as", one.vector_format],
              ["index", one.index?.configuration ?? "none yet"], ["in the index", one.index && count(one.index.count)], ["deleted in the index", one.index && count(one.index.deleted)], ["index trained on", one.index && count(one.index.trained_on)], ["index file", one.index && bytes(one.index.file_bytes)],
              ["compared from memory", count(one.fresh)], ["compared from the database", count(one.unheld)], ["database", bytes(one.database_bytes)], ["indexed paths", one.indexed_paths.join(", ") || "none"]]));
          $("view-manage").replaceChildren(el("div", { class: "pair" }, card, el("div", { class: "stack" },
            doing("Compact", "Takes the items that are not in the index into it, and leaves out what was deleted. It also happens by itself.", "Compact now", async () => {
              const answer = await call("POST", pathOf(name, "/compact"), {});
              return `${answer.rebuilt ? "Built anew" : "Grown"}: ${count(answer.count)} items in ${answer.configuration ?? "the database alone"}.`;
            }),
            doing("Index a path of metadata", "Filters on it become faster.", "Index", async () => `Indexed: ${(await call("POST", pathOf(name, "/index"), { path: path.value.trim() })).indexed_paths.join(", ")}.`, path),
            snapshotsCard(),
            doing("Alias", "Another name, which can be moved to another collection at once.", "Point it here", async () => {
              const answer = await call("PUT", `aliases/${encodeURIComponent(alias.value.trim())}`, { collection: name });
              await loadCollections(); drawHead();
              return `${answer.alias} is ${answer.collection} now.`;
            }, alias),
            el("div", { class: "card" }, el("h2", {}, "Delete"), remove))));
        }
        views.manage = {
          async show() {
            const name = state.name;
            try { await reloadInfo(); } catch (error) { trouble($("trouble"), error); }
            if (state.name === name && state.view === "manage") drawManage();
          },
        };
        """#
}
