extension ConsolePage {
    /// The plan of a collection: the chart of all that was measured, a table of the same, and one plan in words.
    static let planScript = #"""
        // What the words of a factory string do, for people who do not know them by heart.
        const planWords = [
          [/^MRL(\d+)$/, (n) => `keep the first ${n} dimensions`], [/^PCA(\d+)$/, (n) => `turn to the ${n} directions that vary most`],
          [/^PCAW(\d+)$/, (n) => `turn to the ${n} directions that vary most, and give them equal weight`], [/^PCAR(\d+)$/, (n) => `turn to the ${n} directions that vary most, then spread evenly by a random rotation`],
          [/^RR(\d*)$/, () => "spread evenly over dimensions by a random rotation"], [/^OPQ(\d+)/, () => "rotate so that product codes lose least"],
          [/^F32$/, () => "numbers as they are, 32 bits each"], [/^F16$/, () => "16-bit floating point"], [/^BF16$/, () => "16-bit floating point of float32's range"],
          [/^SQ(\d)$/, (n) => `each number to ${n} bits`], [/^PQ(\d+)x(\d)fs$/, (m, b) => `${m} parts, each by the nearest of ${2 ** b}, scanned in registers`],
          [/^PQ(\d+)x(\d+)/, (m, b) => `${m} parts, each by the nearest of ${2 ** b} learned ones`], [/^PQ(\d+)/, (m) => `${m} parts, each by the nearest of 256 learned ones`], [/^B1$/, () => "only the sign of each number"],
          [/^RQ(\d+)$/, (n) => `a randomly rotated grid of ${n} bits a dimension`], [/^RBE(\d+)/, (n) => `${n} components of a few bits, found by binary steps`], [/^HEAD(\d+)$/, (n) => `a trained map to ${n} dimensions`], [/^Refine\((.+)\)$/, (of) => `compare the best again by finer codes (${of}) in memory`],
          [/^Tiered\((.+)\)$/, (of) => `compare the best again by finer codes (${of.split(",")[0]}) in the file`], [/^HNSW(\d+)/, (m) => `a graph of neighbours, ${m} links a vector`],
          [/^IVF(\d+)(r?)(b?)/, (n, r, b) => `${n} ${b ? "balanced " : ""}lists, of which a search reads the nearest${r ? "; what is coded is the difference from a list's centre" : ""}`],
        ];
        function planSteps(plan) {
          const words = []; let depth = 0, word = "";
          for (const letter of `${plan},`) {
            depth += letter === "(" ? 1 : letter === ")" ? -1 : 0;
            if (letter === "," && depth === 0) { words.push(word); word = ""; } else word += letter;
          }
          const steps = words.map((one) => {
            for (const [pattern, text] of planWords) { const found = pattern.exec(one); if (found) return [one, text(...found.slice(1))]; }
            return [one, ""];
          });
          return el("ul", { class: "steps" }, steps.map(([code, text]) => el("li", {}, el("code", {}, code), text && ` ${text}`)));
        }

        const planView = { chart: null, report: null };
        function drawPlan(answer) {
          const place = $("view-plan"), report = answer.report ?? null;
          planView.report = report;
          if (!report?.plans?.length) return drawNoPlan(place, answer);
          const chosen = report.plans.find((plan) => plan.is_chosen);
          const hasTime = report.plans.some((plan) => plan.p50_milliseconds > 0), samples = report.plans.filter((plan) => !plan.is_finalist).length;
          const figure = el("div", { class: "chart", id: "chart" });
          const axis = el("select", { "aria-label": "What the plans cost", onchange: () => redrawPlan() }, el("option", { value: "bytes" }, "bytes a vector"), hasTime && el("option", { value: "time" }, "time of a query"));
          const withSamples = el("input", { type: "checkbox", id: "with-samples", onchange: () => redrawPlan() });
          Object.assign(planView, { axis, withSamples, side: el("div", { class: "card stack", id: "plan-detail", "aria-live": "polite" }), body: el("tbody") });
          place.replaceChildren(
            answer.reason ? el("p", { class: "note" }, answer.reason) : "",
            el("div", { class: "split" },
              el("div", { class: "card" },
                el("div", { class: "row" }, el("h2", {}, "What each byte buys"), el("label", { class: "inline" }, el("span", {}, "Cost"), axis),
                  samples ? el("label", { class: "check" }, withSamples, el("span", {}, `with ${plural(samples, "plan")} dropped on a sample`)) : ""),
                figure, drawLegend(report)),
              planView.side),
            el("div", { class: "card" }, el("h2", {}, "All plans"), el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of plans" }, el("table", { id: "plan-table" }, drawPlanHead(report), planView.body))),
            el("div", { class: "card" }, figures([["measured on", `${count(report.vector_count)} vectors of ${report.dimensions} dimensions`], ["queries", report.uses_self_queries ? "held out of the vectors" : "given"],
              ["exact search", `${rate(report.exact_queries_per_second)} queries a second`], ["took", `${rate(report.seconds)} s on ${plural(report.threads, "thread")}`],
              ["cannot be told from the chosen one", (report.equals ?? []).join(", ")], ["could not be measured", (report.skipped ?? []).map((one) => `${one.plan}: ${one.reason}`).join("; ")]])));
          planView.chart = new PlanChart(figure, showPlan);
          redrawPlan();
          showPlan(chosen ?? planView.chart.plans[0]);
        }
        function drawNoPlan(place, answer) {
          const one = info(), isBudget = one?.plan?.budget !== undefined;
          place.replaceChildren(el("div", { class: "card stack" }, el("h2", {}, answer.configuration ?? planText(one?.plan)), planSteps(answer.configuration ?? (typeof one?.plan === "string" ? one.plan : "F32")),
            el("p", { class: "muted" }, answer.reason ?? "", " ", isBudget ? `Once there are ${count(one.plan.fit_at ?? 0)} items, plans are measured on them and compared here.`
              : "This plan was given, not measured. A collection that is created with a budget of bytes measures plans on its own items, and shows them here."),
            one?.index && figures([["in the index", count(one.index.count)], ["bytes a vector", each(one.index.bytes_per_vector)], ["file", bytes(one.index.file_bytes)], ["trained on", count(one.index.trained_on)]])));
        }
        function drawLegend(report) {
          const mark = (kind, d) => svg("svg", { viewBox: "-10 -10 20 20", "aria-hidden": "true" }, svg("g", { class: kind }, svg("path", { class: "mark", d })));
          const has = (structure) => report.plans.some((plan) => plan.structure === structure);
          return el("div", { class: "legend" }, el("span", {}, mark("pick", pickMark), "chosen"), el("span", {}, mark("on", markOf.flat), "best for what it costs"), el("span", {}, mark("", markOf.flat), "beaten by a plan that costs no more"),
            has("graph") && el("span", {}, mark("", markOf.graph), "graph"), has("lists") && el("span", {}, mark("", markOf.lists), "lists"), el("span", {}, "strokes: 95% intervals"));
        }
        function drawPlanHead(report) {
          const names = ["plan", "B a vector", `recall@${report.neighbors}`, "p50 ms", "queries/s"].concat(report.plans.some((plan) => plan.ndcg) ? ["nDCG@10"] : []);
          return el("thead", {}, el("tr", {}, names.map((name) => el("th", { scope: "col" }, name))));
        }
        function redrawPlan() {
          const { chart, report, axis, withSamples, body } = planView;
          chart.set(report, axis.value, withSamples.checked);
          const hasNDCG = report.plans.some((plan) => plan.ndcg);
          body.replaceChildren(...[...report.plans].filter((plan) => withSamples.checked || plan.is_finalist).sort((a, b) => a.bytes_per_vector - b.bytes_per_vector || b.recall - a.recall).map((plan) => {
            const row = el("tr", { class: plan.is_chosen ? "chosen" : plan.is_finalist ? "" : "sampled" },
              el("td", {}, button(plan.plan, () => { chart.select(plan); showPlan(plan); }), plan.is_chosen && el("span", { class: "badge" }, "chosen")),
              el("td", {}, each(plan.bytes_per_vector)), el("td", {}, fraction(plan.recall)), el("td", {}, plan.p50_milliseconds ? rate(plan.p50_milliseconds) : ""), el("td", {}, rate(plan.queries_per_second)), hasNDCG && el("td", {}, plan.ndcg ? fraction(plan.ndcg) : ""));
            row.plan = plan;
            return row;
          }));
        }
        function showPlan(plan) {
          if (!plan) return;
          const { side, report, chart, body } = planView, raw = 4 * report.dimensions;
          chart.select(plan);
          for (const row of body.rows) row.classList.toggle("selected", row.plan === plan);
          side.replaceChildren(el("div", {}, el("h2", { class: "mono" }, plan.plan), plan.is_chosen ? el("p", { class: "small muted" }, "The plan that was chosen") : plan.is_finalist ? "" : el("p", { class: "small muted" }, `Dropped on a sample of ${count(plan.vectors)} vectors: its figures are of that sample`)),
            planSteps(plan.plan),
            figures([["bytes a vector", `${each(plan.bytes_per_vector)} (${times(raw / plan.bytes_per_vector)} smaller)`], ["in memory", bytes(plan.resident_bytes)],
              [`recall@${report.neighbors}`, fraction(plan.recall)], ["95% interval", `${fraction(plan.recall_low)} to ${fraction(plan.recall_high)}`],
              ["nDCG@10", plan.ndcg ? fraction(plan.ndcg) : null], ["queries a second", rate(plan.queries_per_second)],
              ["median query", plan.p50_milliseconds ? milliseconds(plan.p50_milliseconds) : null], ["99% within", plan.p99_milliseconds ? milliseconds(plan.p99_milliseconds) : null],
              ["effort", plan.effort ? count(plan.effort) : null], ["training", `${rate(plan.training_seconds)} s`], ["measured on", `${count(plan.vectors)} vectors, ${count(plan.queries)} queries`]]));
        }
        views.plan = {
          async show() {
            const name = state.name;
            $("view-plan").replaceChildren(el("p", { class: "muted" }, "Loading the plan…"));
            try {
              const answer = await call("GET", pathOf(name, "/plan"));
              if (state.name === name && state.view === "plan") drawPlan(answer);
            } catch (error) { const place = el("div", { class: "banner", role: "alert" }); trouble(place, error); $("view-plan").replaceChildren(place); }
          },
        };
        """#
}
