extension ConsolePage {
    /// Plans as points: bytes a vector (or milliseconds) against recall, with the best of each size as a staircase.
    static let chartScript = #"""
        // Ticks of a linear axis, and of one whose every step doubles, with halves where that leaves few.
        function linearTicks(low, high, most) {
          const step0 = (high - low || 1) / most, power = 10 ** Math.floor(Math.log10(step0));
          const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= step0 - 1e-12);
          const ticks = [];
          for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) ticks.push(Number((i * step).toPrecision(12)));
          return ticks;
        }
        function doublingTicks(low, high, most) {
          const first = Math.ceil(Math.log2(low) - 1e-9), last = Math.floor(Math.log2(high) + 1e-9), stride = Math.max(1, Math.ceil((last - first + 1) / most));
          const ticks = [];
          for (let i = first; i <= last; i += stride) ticks.push(2 ** i);
          if (ticks.length < 4) for (let i = first - 1; i <= last; i++) if (1.5 * 2 ** i >= low && 1.5 * 2 ** i <= high) ticks.push(1.5 * 2 ** i);
          return ticks;
        }
        // Which plans no other is as good as at the same size or less, smallest first.
        function frontOf(plans, x) {
          const front = [];
          for (const plan of [...plans].sort((a, b) => x(a) - x(b) || b.recall - a.recall)) if (!front.length || plan.recall > front.at(-1).recall) front.push(plan);
          return front;
        }
        const markOf = { flat: "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0Z", graph: "M0 -6.2L5.8 4.4H-5.8Z", lists: "M-4.6 -4.6H4.6V4.6H-4.6Z" };
        const pickMark = "M0 -9L9 0L0 9L-9 0Z";
        const axes = {
          bytes: { x: (plan) => plan.bytes_per_vector, title: "bytes a vector (each step doubles)", text: (v) => each(v) },
          time: { x: (plan) => plan.p50_milliseconds, title: "milliseconds of the median query (each step doubles)", text: (v) => rate(v).replace(/\.?0+$/, "") },
        };

        // A chart in `place` that calls `onpick` with the plan that was chosen by click or Enter.
        class PlanChart {
          constructor(place, onpick) {
            Object.assign(this, { place, onpick, plans: [], axis: "bytes", active: -1, selected: null });
            this.picture = svg("svg", { role: "application", tabindex: "0", "aria-roledescription": "chart", "aria-label": "Recall against size of the plans. Left and right go from plan to plan, Enter shows one." });
            this.tip = el("div", { class: "tip", hidden: true });
            place.append(this.picture, this.tip);
            this.picture.addEventListener("keydown", (event) => this.key(event));
            this.picture.addEventListener("focus", () => { if (this.picture.matches(":focus-visible")) this.activate(Math.max(0, this.active), true); });
            this.picture.addEventListener("blur", () => this.activate(-1));
            // The nearest point, so that those that lie over each other can be had.
            const nearest = (event) => {
              const box = this.picture.getBoundingClientRect(), { x } = axes[this.axis], far = (plan) => Math.hypot(this.h(x(plan)) - event.clientX + box.left, this.v(plan.recall) - event.clientY + box.top);
              return this.plans.reduce((best, plan, at) => far(plan) < 22 && (best < 0 || far(plan) < far(this.plans[best])) ? at : best, -1);
            };
            this.picture.addEventListener("pointermove", (event) => { const at = nearest(event); if (at !== this.active) this.activate(at); });
            this.picture.addEventListener("click", (event) => { const at = nearest(event); if (at >= 0) { this.activate(at); this.pick(at); } });
            this.picture.addEventListener("pointerleave", () => this.activate(-1));
            new ResizeObserver(() => { if (place.clientWidth && place.clientWidth !== this.width) this.draw(); }).observe(place);
          }
          set(report, axis, withSamples) {
            this.axis = axis; this.report = report;
            const { x } = axes[axis];
            this.plans = report.plans.filter((plan) => (withSamples || plan.is_finalist) && x(plan) > 0 && Number.isFinite(plan.recall)).sort((a, b) => x(a) - x(b) || a.recall - b.recall);
            this.active = -1;
            this.draw();
          }
          draw() {
            const width = this.width = Math.max(280, this.place.clientWidth || 700), height = Math.max(300, Math.min(440, width * 0.6));
            const { x, title, text } = axes[this.axis], plans = this.plans;
            this.picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
            this.picture.setAttribute("height", height);
            this.picture.replaceChildren();
            if (!plans.length) return this.picture.append(svg("text", { x: width / 2, y: height / 2, "text-anchor": "middle" }, "No plan was measured for this axis."));
            const budget = this.axis === "bytes" ? this.budget() : this.report.limits?.latency_milliseconds;
            const sizes = plans.map(x).concat(budget ? [budget] : []);
            const [left, right, top, bottom] = [52, width - 14, budget ? 30 : 14, height - 44];
            const low = Math.log2(Math.min(...sizes)) - 0.25, high = Math.log2(Math.max(...sizes)) + 0.25;
            const floor = Math.min(...plans.map((plan) => plan.recall_low)), ceiling = Math.max(...plans.map((plan) => plan.recall_high));
            const margin = Math.max(0.01, (ceiling - floor) * 0.06), yLow = Math.max(0, floor - margin), yHigh = Math.min(1, ceiling + margin);
            const h = this.h = (value) => left + (Math.log2(value) - low) / (high - low) * (right - left);
            const v = this.v = (value) => bottom - (value - yLow) / (yHigh - yLow) * (bottom - top);
            const parts = [];
            for (const tick of linearTicks(yLow, yHigh, 7)) parts.push(svg("path", { class: "grid", d: `M${left} ${v(tick)}H${right}` }), svg("text", { x: left - 8, y: v(tick) + 4, "text-anchor": "end" }, fraction(tick)));
            for (const tick of doublingTicks(2 ** low, 2 ** high, width < 560 ? 5 : 10)) parts.push(svg("path", { class: "grid", d: `M${h(tick)} ${top}V${bottom}` }), svg("text", { x: h(tick), y: bottom + 18, "text-anchor": "middle" }, text(tick)));
            parts.push(svg("path", { class: "axis", d: `M${left} ${top}V${bottom}H${right}` }), svg("text", { x: (left + right) / 2, y: height - 8, "text-anchor": "middle" }, title),
              svg("text", { transform: `translate(13 ${(top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, `recall@${this.report.neighbors}`));
            if (budget) parts.push(svg("rect", { class: "over", x: h(budget), y: top, width: Math.max(0, right - h(budget)), height: bottom - top }), svg("path", { class: "budget", d: `M${h(budget)} ${top - 6}V${bottom}` }),
              svg("text", { class: "budget-text", x: Math.min(Math.max(h(budget), left + 50), right - 50), y: top - 11, "text-anchor": "middle" }, `limit ${text(budget)} ${this.axis === "bytes" ? "B" : "ms"}`));
            const front = frontOf(plans.filter((plan) => plan.is_finalist), x);
            parts.push(svg("path", { class: "front", d: front.map((plan, at) => at ? `H${h(x(plan))}V${v(plan.recall)}` : `M${h(x(plan))} ${v(plan.recall)}`).join("") + `H${right}` }));
            this.points = plans.map((plan, at) => this.point(plan, at, front.includes(plan)));
            // The chosen plan lies over its neighbours.
            const over = plans.findIndex((plan) => plan.is_chosen);
            parts.push(...this.points.filter((_, at) => at !== over), ...(over < 0 ? [] : [this.points[over]]), ...this.names(plans, front, { left, right, top, bottom }));
            this.picture.append(...parts);
            this.mark();
          }
          budget() {
            const { bytes_per_vector: each, resident_bytes: all } = this.report.limits ?? {};
            const limits = [each, all && this.report.vector_count ? all / this.report.vector_count : undefined].filter((limit) => limit > 0);
            return limits.length ? Math.min(...limits) : undefined;
          }
          point(plan, at, isOnFront) {
            const { x } = axes[this.axis], [px, py] = [this.h(x(plan)), this.v(plan.recall)], low = this.v(plan.recall_low) - py, high = this.v(plan.recall_high) - py;
            const kind = plan.is_chosen ? " pick" : isOnFront ? " on" : plan.is_finalist ? "" : " sample";
            return svg("g", { class: `point${kind}`, transform: `translate(${px} ${py})`, "data-plan": plan.plan },
              svg("path", { class: "interval", d: `M0 ${low}V${high}M-3 ${low}H3M-3 ${high}H3` }), svg("path", { class: "mark", d: plan.is_chosen ? pickMark : markOf[plan.structure] ?? markOf.flat }),
              svg("circle", { class: "hot", r: 12 }));
          }
          // Names beside the chosen plan and those of the front, where there is room.
          names(plans, front, frame) {
            const { x } = axes[this.axis], isNarrow = this.width < 560, taken = plans.map((plan) => ({ x: this.h(x(plan)) - 7, y: this.v(plan.recall) - 7, width: 14, height: 14 }));
            const meets = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
            const named = [...plans.filter((plan) => plan.is_chosen), ...[...front].reverse().filter((plan) => !plan.is_chosen && !isNarrow)];
            return named.flatMap((plan) => {
              const [px, py] = [this.h(x(plan)), this.v(plan.recall)], width = plan.plan.length * 7.1 + 4, height = 14;
              for (const [dx, dy] of [[-width - 11, -18], [-width / 2, -27], [11, 4], [-width - 11, -7], [11, -18], [11, 14], [-width / 2, 16]]) {
                const box = { x: px + dx, y: py + dy, width, height };
                if (box.x < frame.left + 2 || box.x + width > frame.right || box.y < frame.top || box.y + height > frame.bottom - 2 || taken.some((other) => meets(box, other))) continue;
                taken.push(box);
                return [svg("text", { class: `name${plan.is_chosen ? " chosen" : ""}`, x: box.x + 2, y: box.y + 11 }, plan.plan)];
              }
              return [];
            });
          }
          key(event) {
            const last = this.plans.length - 1, to = { ArrowRight: Math.min(last, this.active + 1), ArrowLeft: Math.max(0, this.active - 1), Home: 0, End: last }[event.key];
            if (to !== undefined && last >= 0) { event.preventDefault(); this.activate(to, true); }
            else if ((event.key === "Enter" || event.key === " ") && this.active >= 0) { event.preventDefault(); this.pick(this.active); }
          }
          activate(at, isSaid) {
            this.active = at;
            this.mark();
            this.tip.hidden = at < 0 || !this.plans[at];
            if (this.tip.hidden) return;
            const plan = this.plans[at], { x } = axes[this.axis];
            const lines = [`${each(plan.bytes_per_vector)} B a vector, recall@${this.report.neighbors} ${fraction(plan.recall)} (${fraction(plan.recall_low)} to ${fraction(plan.recall_high)})`,
              plan.p50_milliseconds ? `${milliseconds(plan.p50_milliseconds)} a query alone, 99% within ${milliseconds(plan.p99_milliseconds)}` : `${rate(plan.queries_per_second)} queries a second`,
              plan.is_finalist ? "" : `dropped on a sample of ${count(plan.vectors)}`].filter(Boolean);
            this.tip.replaceChildren(el("b", {}, plan.plan, plan.is_chosen ? " (chosen)" : ""), ...lines.map((line) => el("p", {}, line)));
            const px = this.h(x(plan)), py = this.v(plan.recall), toLeft = px > this.width / 2;
            this.tip.style.left = toLeft ? "" : `${px + 16}px`;
            this.tip.style.right = toLeft ? `${this.width - px + 16}px` : "";
            this.tip.style.top = `${Math.max(4, Math.min(py - 20, this.picture.clientHeight - 90))}px`;
            if (isSaid) announce(`${plan.plan}${plan.is_chosen ? ", chosen" : ""}: ${lines.join(", ")}`);
          }
          pick(at) { this.select(this.plans[at]); this.onpick(this.plans[at]); }
          select(plan) { this.selected = plan; this.mark(); }
          mark() { this.points?.forEach((point, at) => { point.classList.toggle("active", at === this.active); point.classList.toggle("selected", this.plans[at] === this.selected); }); }
        }
        """#
}
