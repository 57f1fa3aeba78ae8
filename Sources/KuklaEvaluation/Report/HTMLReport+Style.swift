extension HTMLReport {
    /// The page's look: one column, light or dark as the reader's system says, readable on a phone and on paper.
    static let style = """
        :root{color-scheme:light dark;--page:#f4f5f7;--surface:#fff;--ink:#1b1f24;--muted:#5f6976;--line:#e2e6eb;
        --chosen:#c2410c;--chosen-wash:#fff3ea;--front:#1d5fbf}
        @media (prefers-color-scheme:dark){:root{--page:#0f1216;--surface:#171b21;--ink:#e8ebf0;--muted:#9aa4b2;
        --line:#2a3039;--chosen:#ff9a57;--chosen-wash:#2b2019;--front:#79b0ff}}
        *{box-sizing:border-box}
        body{margin:0 auto;padding:32px 20px 64px;max-width:940px;background:var(--page);color:var(--ink);
        font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
        h1{font-size:1.7rem;line-height:1.2;margin:0 0 .5rem}h2{font-size:1.15rem;margin:0 0 .8rem}
        h3{font-size:1rem;margin:0 0 .5rem}
        .summary{font-size:1.12rem;margin:0;max-width:46em}
        section{margin-top:28px;padding:20px;background:var(--surface);border:1px solid var(--line);border-radius:10px}
        .wide svg,.narrow svg{display:block;width:100%;height:auto}.narrow{display:none}
        .caption{color:var(--muted);font-size:.88rem;margin:.7rem 0 0}
        .scroll{overflow-x:auto;margin:0 -20px -8px;padding:0 20px 8px}
        table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
        th,td{padding:7px 9px;border-bottom:1px solid var(--line);text-align:left;vertical-align:baseline}
        tbody th{font-weight:400;min-width:9rem}tr>:first-child{position:sticky;left:0;background:var(--surface);padding-left:8px}
        tr.chosen>:first-child{background:var(--chosen-wash)}small{display:block;color:var(--muted);font-size:.8rem}
        .number{text-align:right;white-space:nowrap}
        thead tr>th{padding:0;white-space:nowrap}
        thead button{font:inherit;font-weight:600;color:var(--muted);background:none;border:0;padding:7px 9px;
        width:100%;text-align:inherit;cursor:pointer}
        thead th:first-child button{padding-left:8px}thead button:hover,thead button:focus-visible{color:var(--ink)}
        thead th[aria-sort=ascending] button::after{content:" \\2191"}
        thead th[aria-sort=descending] button::after{content:" \\2193"}
        code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.92em}
        tr.chosen>*{background:var(--chosen-wash)}tr.chosen code{color:var(--chosen);font-weight:700}
        .badge{font-size:.75rem;font-weight:600;color:var(--chosen);border:1px solid;border-radius:99px;padding:1px 7px;
        white-space:nowrap}
        .front{color:var(--front);font-size:.7rem}
        .cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,270px),1fr));gap:24px}
        ol{margin:0;padding-left:1.4em}li{margin:.25rem 0;overflow-wrap:anywhere}
        .score{color:var(--muted);font-size:.85rem;margin-left:.5em;font-variant-numeric:tabular-nums}
        dl{display:grid;grid-template-columns:auto 1fr;gap:4px 14px;margin:0;font-size:.92rem}
        dt{color:var(--muted)}dd{margin:0;overflow-wrap:anywhere}
        pre{margin:0;overflow-x:auto;padding:14px;background:var(--page);border-radius:6px}
        @media (max-width:620px){body{padding:20px 10px 40px}section{padding:14px;margin-top:16px}
        .scroll{margin:0 -14px -8px;padding:0 14px 8px}.wide{display:none}.narrow{display:block}h1{font-size:1.4rem}}
        @media print{body{max-width:none;background:none}section{break-inside:avoid}}
        """

    /// Sorts the table by the column whose head was pressed: numbers largest first, then smallest.
    static let script = """
        document.querySelectorAll('#plans thead button').forEach(function (button) {
          button.addEventListener('click', function () {
            var head = button.parentElement, column = head.cellIndex;
            var body = document.querySelector('#plans tbody');
            var isNumber = head.classList.contains('number');
            var now = head.getAttribute('aria-sort');
            var next = now === (isNumber ? 'descending' : 'ascending')
              ? (isNumber ? 'ascending' : 'descending') : (isNumber ? 'descending' : 'ascending');
            document.querySelectorAll('#plans thead th').forEach(function (th) { th.removeAttribute('aria-sort'); });
            head.setAttribute('aria-sort', next);
            var sign = next === 'ascending' ? 1 : -1;
            Array.from(body.rows).map(function (row) {
              var cell = row.cells[column];
              var key = isNumber ? parseFloat(cell.dataset.key) : cell.dataset.key;
              return {row: row, key: key};
            }).sort(function (a, b) {
              if (!isNumber) return sign * a.key.localeCompare(b.key);
              if (isNaN(a.key)) return isNaN(b.key) ? 0 : 1;
              return isNaN(b.key) ? -1 : sign * (a.key - b.key);
            }).forEach(function (item) { body.appendChild(item.row); });
          });
        });
        """
}
