extension ConsolePage {
    /// A sample of the collection in the plane of its two largest principal components.
    static let mapScript = #"""
        const mapView = { name: null, points: [], box: null, active: -1 };
        const stopWords = new Set("the and for with that this from are was were has have had not but you your can will its into than then they their them our out over such also who which what when where been being more most some other only about after before between under there these those would could should may might one two new use used using per via how all any each both did does a an of to in on is it as at by or be we he she his her i study studies recent background results methods".split(" "));

        // Words that tell parts of the map apart: cells of a coarse grid with what is common there and rare elsewhere.
        function regionsOf(points, columns = 5) {
          const xs = points.map((point) => point.x), ys = points.map((point) => point.y);
          const low = [Math.min(...xs), Math.min(...ys)], size = [(Math.max(...xs) - low[0]) / columns || 1, (Math.max(...ys) - low[1]) / columns || 1];
          const cells = new Map(), everywhere = new Map();
          for (const point of points) {
            const id = Math.min(columns - 1, Math.floor((point.x - low[0]) / size[0])) + columns * Math.min(columns - 1, Math.floor((point.y - low[1]) / size[1]));
            const cell = cells.get(id) ?? { points: [], words: new Map() };
            cells.set(id, cell); cell.points.push(point);
            for (const word of new Set((point.text ?? "").toLowerCase().match(/\p{L}{3,}/gu) ?? [])) {
              if (stopWords.has(word)) continue;
              cell.words.set(word, (cell.words.get(word) ?? 0) + 1);
              everywhere.set(word, (everywhere.get(word) ?? 0) + 1);
            }
          }
          const used = new Set(), middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];
          return [...cells.values()].filter((cell) => cell.points.length >= Math.max(6, points.length / 60)).sort((a, b) => b.points.length - a.points.length).flatMap((cell) => {
            // By how much more frequent the word is here than in all, and how frequent.
            const worth = ([word, n]) => n < 3 ? 0 : (n / cell.points.length) * Math.log((n / cell.points.length) / (everywhere.get(word) / points.length));
            const best = [...cell.words].filter(([word]) => !used.has(word)).map((entry) => [entry[0], worth(entry)]).sort((a, b) => b[1] - a[1])[0];
            if (!best || best[1] <= 0.02) return [];
            used.add(best[0]); used.add(`${best[0]}s`); used.add(best[0].replace(/s$/, ""));
            const those = cell.points.filter((point) => (point.text ?? "").toLowerCase().includes(best[0]));
            return [{ text: best[0], x: middle(those.map((point) => point.x)), y: middle(those.map((point) => point.y)) }];
          });
        }
        function drawMap(answer) {
          const points = answer.points, place = $("view-map");
          if (points.length < 3) return place.replaceChildren(el("div", { class: "card empty" }, el("h2", {}, "Too few items for a map"), el("p", {}, "Import some, and come back.")));
          const found = new Set(state.hits.map((id) => JSON.stringify(id)));
          const picture = svg("svg", { id: "map", role: "application", tabindex: "0", "aria-roledescription": "map", "aria-label": `${count(points.length)} items in two dimensions. Arrow keys go to the nearest item in that direction, plus and minus zoom, 0 shows all, Enter opens an item.` });
          const layer = svg("g"), names = svg("g"), here = svg("circle", { class: "here", r: 6, hidden: true }), tip = el("div", { class: "tip", hidden: true });
          Object.assign(mapView, { points, picture, layer, names, here, tip, active: -1, regions: regionsOf(points), shown: el("div", { class: "card", id: "map-detail", hidden: true, "aria-live": "polite" }) });
          layer.append(...points.map((point) => point.node = svg("path", { class: `place${found.has(JSON.stringify(point.id)) ? " found" : ""}`, d: `M${point.x} ${-point.y}h0` })));
          layer.append(...points.filter((point) => point.node.classList.contains("found")).map((point) => point.node));
          names.append(...mapView.regions.map((region) => region.node = svg("text", { class: "region" }, region.text)));
          picture.append(layer, names, here);
          const variance = answer.explained_variance ?? [], ringed = points.filter((point) => found.has(JSON.stringify(point.id))).length;
          place.replaceChildren(
            el("div", { class: "card" }, el("div", { class: "row" }, el("h2", {}, `${count(points.length)} items by what varies most`),
              el("label", { class: "inline" }, el("span", {}, "Sample"), el("select", { id: "map-count", onchange: (event) => loadMap(Number(event.target.value)) }, [500, 2000, 5000].map((n) => el("option", { value: n, selected: n === mapView.count }, count(n)))))),
              el("p", { class: "muted small" }, variance.length === 2 ? `The two directions hold ${rate(100 * variance[0])}% and ${rate(100 * variance[1])}% of the variance: what is apart here is apart, what is near may not be.` : "",
                ringed ? ` ${plural(ringed, "hit")} of the last search ${ringed === 1 ? "stands" : "stand"} out.` : ""),
              el("div", { class: "map" }, picture, tip, el("div", { class: "buttons" }, button("+", () => zoom(1.5), { "aria-label": "Closer" }), button("−", () => zoom(1 / 1.5), { "aria-label": "Further" }), button("All", () => { fitMap(); frameMap(); })))),
            mapView.shown);
          fitMap(); frameMap(); listenToMap(picture);
          new ResizeObserver(frameMap).observe(picture);
        }
        function fitMap() {
          const xs = mapView.points.map((point) => point.x), ys = mapView.points.map((point) => -point.y);
          const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
          const size = Math.max(right - left, bottom - top) || 1;
          mapView.box = { x: (left + right) / 2, y: (top + bottom) / 2, width: (right - left || size) * 1.1, height: (bottom - top || size) * 1.1 };
        }
        // One unit is as long in both directions, so the box is widened to the picture's shape.
        function frameMap() {
          const { picture, box, layer, regions } = mapView, width = picture.clientWidth, height = picture.clientHeight;
          if (!width || !height || !box) return;
          const scale = mapView.scale = Math.min(width / box.width, height / box.height);
          mapView.toScreen = (x, y) => [(x - box.x) * scale + width / 2, (y - box.y) * scale + height / 2];
          picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
          layer.setAttribute("transform", `translate(${width / 2 - box.x * scale} ${height / 2 - box.y * scale}) scale(${scale})`);
          const taken = [];
          for (const region of regions) {
            const [x, y] = mapView.toScreen(region.x, -region.y), half = region.text.length * 3.8 + 4;
            const isFree = x > half && x < width - half && y > 14 && y < height - 6 && !taken.some((other) => Math.abs(other.x - x) < other.half + half && Math.abs(other.y - y) < 17);
            region.node.setAttribute("x", x); region.node.setAttribute("y", y);
            region.node.toggleAttribute("hidden", !isFree);
            if (isFree) taken.push({ x, y, half });
          }
          placeTip();
        }
        function zoom(factor, x = mapView.picture.clientWidth / 2, y = mapView.picture.clientHeight / 2) {
          const { box, picture, scale } = mapView, dx = (x - picture.clientWidth / 2) / scale, dy = (y - picture.clientHeight / 2) / scale;
          box.x += dx * (1 - 1 / factor); box.y += dy * (1 - 1 / factor);
          box.width /= factor; box.height /= factor;
          frameMap();
        }
        function nearestPlace(x, y, reach, accept = () => true) {
          let best = -1, least = reach * reach;
          mapView.points.forEach((point, at) => {
            const [px, py] = mapView.toScreen(point.x, -point.y), dx = px - x, dy = py - y, distance = dx * dx + dy * dy;
            if (distance < least && accept(dx, dy, at)) { least = distance; best = at; }
          });
          return best;
        }
        function activatePlace(at, isSaid) {
          mapView.active = at;
          const point = mapView.points[at];
          mapView.tip.hidden = !point;
          if (!point) return placeTip();
          const text = point.text ?? "";
          mapView.tip.replaceChildren(el("b", {}, String(point.id)), el("p", {}, text.length > 240 ? `${text.slice(0, 240)}…` : text));
          placeTip();
          if (isSaid) announce(`${String(point.id)}: ${text.slice(0, 200)}`);
        }
        function placeTip() {
          const point = mapView.points[mapView.active], { tip, picture, here } = mapView;
          here.toggleAttribute("hidden", !point);
          if (!point || !mapView.toScreen) return;
          const [x, y] = mapView.toScreen(point.x, -point.y), toLeft = x > picture.clientWidth / 2;
          here.setAttribute("cx", x); here.setAttribute("cy", y);
          tip.style.left = toLeft ? "" : `${x + 14}px`;
          tip.style.right = toLeft ? `${picture.clientWidth - x + 14}px` : "";
          tip.style.top = y > picture.clientHeight / 2 ? "" : `${y + 8}px`;
          tip.style.bottom = y > picture.clientHeight / 2 ? `${picture.clientHeight - y + 8}px` : "";
        }
        function openPlace(at) {
          const point = mapView.points[at];
          if (!point) return;
          mapView.shown.hidden = false;
          mapView.shown.replaceChildren(el("h2", { class: "mono" }, String(point.id)), el("p", {}, point.text ?? ""), el("div", { class: "row" }, button("Search for this text", () => {
            location.hash = address(state.name, "search", new URLSearchParams({ q: (point.text ?? "").slice(0, 300) }));
          })));
        }
        function listenToMap(picture) {
          const fingers = new Map();
          let moved = 0;
          const at = (event) => { const box = picture.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
          picture.addEventListener("wheel", (event) => { event.preventDefault(); zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), ...at(event)); }, { passive: false });
          picture.addEventListener("pointerdown", (event) => { fingers.set(event.pointerId, at(event)); moved = 0; try { picture.setPointerCapture(event.pointerId); } catch { /* gone already */ } });
          picture.addEventListener("pointermove", (event) => {
            const now = at(event), before = fingers.get(event.pointerId);
            if (!before) return activatePlace(nearestPlace(...now, 18));
            const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
            moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
            if (other) zoom(Math.hypot(now[0] - other[0], now[1] - other[1]) / Math.max(1, Math.hypot(before[0] - other[0], before[1] - other[1])), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
            else { mapView.box.x -= (now[0] - before[0]) / mapView.scale; mapView.box.y -= (now[1] - before[1]) / mapView.scale; picture.classList.add("dragging"); frameMap(); }
            fingers.set(event.pointerId, now);
          });
          const end = (event) => { fingers.delete(event.pointerId); picture.classList.remove("dragging"); if (event.type === "pointerup" && moved < 5) { activatePlace(nearestPlace(...at(event), 18)); openPlace(mapView.active); } };
          picture.addEventListener("pointerup", end); picture.addEventListener("pointercancel", end);
          picture.addEventListener("pointerleave", () => { if (!picture.matches(":focus-visible")) activatePlace(-1); });
          picture.addEventListener("keydown", (event) => {
            const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
            if (way) {
              const point = mapView.points[mapView.active], from = point ? mapView.toScreen(point.x, -point.y) : [picture.clientWidth / 2, picture.clientHeight / 2];
              const next = point ? nearestPlace(...from, 1e6, (dx, dy) => { const along = dx * way[0] + dy * way[1]; return along > 1 && along >= Math.abs(dx * way[1] + dy * way[0]); }) : nearestPlace(...from, 1e6);
              if (next >= 0) activatePlace(next, true);
            } else if (event.key === "+" || event.key === "=") zoom(1.4);
            else if (event.key === "-") zoom(1 / 1.4);
            else if (event.key === "0") { fitMap(); frameMap(); }
            else if (event.key === "Enter") openPlace(mapView.active);
            else return;
            event.preventDefault();
          });
        }
        async function loadMap(n) {
          const name = state.name;
          mapView.count = n;
          try {
            const answer = await call("GET", pathOf(name, `/map?count=${n}`));
            if (state.name === name && state.view === "map") drawMap(answer);
          } catch (error) { const place = el("div", { class: "banner", role: "alert" }); trouble(place, error); $("view-map").replaceChildren(place); }
        }
        views.map = {
          show() {
            $("view-map").replaceChildren(el("p", { class: "muted" }, "Drawing the map…"));
            loadMap(mapView.count ?? 2000);
          },
        };
        """#
}
