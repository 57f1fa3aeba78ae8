extension ConsolePage {
    /// The console's look: a list of collections beside what is shown of one; one column on a phone; light or dark.
    static let style = #"""
        :root{color-scheme:light dark;
        --page:light-dark(#f4f5f7,#0f1216);--surface:light-dark(#fff,#171b21);--raised:light-dark(#f7f8fa,#1d2229);
        --ink:light-dark(#1b1f24,#e8ebf0);--muted:light-dark(#596471,#9aa4b2);--line:light-dark(#dfe3e9,#2a3039);
        --strong-line:light-dark(#8a94a1,#68727f);
        --accent:light-dark(#1d5fbf,#79b0ff);--accent-ink:light-dark(#fff,#0b1a2e);--accent-wash:light-dark(#e9f1fc,#16263b);
        --chosen:light-dark(#c2410c,#ff9a57);--chosen-wash:light-dark(#fff3ea,#2b2019);
        --good:light-dark(#15803d,#4ade80);--bad:light-dark(#b42318,#ff8a80);--bad-wash:light-dark(#fef0ee,#341a18);
        --mark:light-dark(#fff0b8,#57460a);--shadow:0 8px 30px light-dark(#1b1f2426,#0009);
        --mono:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
        :root[data-theme=light]{color-scheme:light}:root[data-theme=dark]{color-scheme:dark}
        *{box-sizing:border-box}[hidden]{display:none!important}
        html{height:100%}
        body{margin:0;min-height:100%;background:var(--page);color:var(--ink);
        font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Liberation Sans","DejaVu Sans",sans-serif;
        display:grid;grid-template-columns:256px minmax(0,1fr);grid-template-rows:auto 1fr}
        h1,h2,h3{line-height:1.25;margin:0}h1{font-size:1.35rem;overflow-wrap:anywhere}h2{font-size:1.02rem}h3{font-size:.92rem}
        p{margin:0}a{color:var(--accent)}code,pre,.mono{font-family:var(--mono);font-size:.9em}
        pre{margin:0;overflow:auto;white-space:pre-wrap;overflow-wrap:anywhere}
        :focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:4px}
        .muted{color:var(--muted)}.small{font-size:.86rem}.number{font-variant-numeric:tabular-nums}
        .skip{position:fixed;left:8px;top:-60px;z-index:20;padding:8px 14px;background:var(--accent);color:var(--accent-ink);
        border-radius:6px}.skip:focus{top:8px}
        .unseen{position:absolute;width:1px;height:1px;margin:-1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}

        button,input,select,textarea{font:inherit;color:inherit}
        button{cursor:pointer;background:var(--surface);border:1px solid var(--line);border-radius:7px;padding:5px 12px;
        min-height:34px}
        button:hover:not(:disabled){border-color:var(--strong-line)}button:disabled{opacity:.55;cursor:default}
        button.primary{background:var(--accent);border-color:var(--accent);color:var(--accent-ink);font-weight:600}
        button.quiet{background:none;border-color:transparent;color:var(--muted)}
        button.quiet:hover{color:var(--ink);background:var(--raised)}
        button.danger{color:var(--bad);border-color:currentColor;background:none}
        input:not([type=checkbox],[type=radio],[type=file]),select,textarea{background:var(--surface);border:1px solid var(--strong-line);
        border-radius:7px;padding:5px 10px;height:36px;width:100%}
        input[aria-invalid=true],textarea[aria-invalid=true]{border-color:var(--bad)}
        textarea{resize:vertical;min-height:70px;height:auto!important;font-family:var(--mono);font-size:.88rem}
        ::placeholder{color:var(--muted);opacity:1}
        label{display:block}label>span:first-child,.label{display:block;font-size:.84rem;color:var(--muted);margin-bottom:3px}
        label.check{display:flex;align-items:center;gap:7px;color:var(--ink)}label.check>span:first-child{margin:0;font-size:.9rem;color:inherit}
        fieldset{border:0;margin:0;padding:0;min-width:0}legend{padding:0;font-size:.84rem;color:var(--muted);margin-bottom:3px}

        .top{grid-column:1/-1;display:flex;align-items:center;gap:8px;padding:9px 18px;background:var(--surface);
        border-bottom:1px solid var(--line);position:sticky;top:0;z-index:5}
        .brand{display:flex;align-items:center;gap:9px;font-weight:700;font-size:1.05rem;letter-spacing:.01em;margin-right:auto}
        .brand svg{width:24px;height:24px}.brand .a{fill:var(--accent)}.brand .b{fill:var(--chosen)}.brand small{font-weight:400;color:var(--muted);font-size:.82rem}
        .top button{display:flex;align-items:center;gap:7px;white-space:nowrap}
        .side{border-right:1px solid var(--line);padding:16px 12px;display:flex;flex-direction:column;gap:18px;
        position:sticky;top:53px;align-self:start;height:calc(100vh - 53px);overflow-y:auto}
        .side h2{font-size:.78rem;font-weight:600;color:var(--muted);display:flex;align-items:center;justify-content:space-between;
        padding:0 8px;text-transform:uppercase;letter-spacing:.06em}
        .collections{position:relative;list-style:none;margin:6px 0 0;padding:0;display:flex;flex-direction:column;gap:2px}
        .collections a{display:flex;justify-content:space-between;gap:10px;padding:6px 8px;border-radius:7px;text-decoration:none;
        color:var(--ink)}
        .collections a>span:first-child{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
        .collections a:hover{background:var(--raised)}
        .collections a[aria-current]{background:var(--accent-wash);color:var(--accent);font-weight:600}
        .collections .number{color:var(--muted);font-weight:400;font-size:.86rem}
        .health{margin-top:auto;border:1px solid var(--line);border-radius:10px;background:var(--surface);padding:11px 12px;
        color:var(--ink);text-decoration:none;display:block}
        a.health:hover{border-color:var(--strong-line)}
        .health .state{display:flex;align-items:center;gap:8px;font-weight:600}
        .dot{width:9px;height:9px;border-radius:50%;background:var(--muted);flex:none}
        .dot.good{background:var(--good)}.dot.bad{background:var(--bad)}
        .health dl{display:grid;grid-template-columns:auto 1fr;gap:1px 10px;margin:7px 0 0;font-size:.84rem}
        .health dt{color:var(--muted)}.health dd{margin:0;text-align:right;font-variant-numeric:tabular-nums}
        .health svg{display:block;width:100%;height:30px;margin-top:8px}
        .spark{fill:none;stroke:var(--accent);stroke-width:1.5;vector-effect:non-scaling-stroke}
        .spark-area{fill:var(--accent-wash);stroke:none}.spark-base{stroke:var(--line);stroke-width:1;vector-effect:non-scaling-stroke}

        main{padding:20px 24px 60px;min-width:0;max-width:1180px;outline:none}
        .head{display:flex;flex-wrap:wrap;align-items:baseline;gap:4px 14px}
        .facts{display:flex;flex-wrap:wrap;gap:1px 16px;margin-top:3px;font-size:.88rem;color:var(--muted);font-variant-numeric:tabular-nums}
        .facts b{font-weight:600;color:var(--ink)}
        .tabs{display:flex;gap:2px;margin:14px 0 18px;border-bottom:1px solid var(--line);overflow-x:auto}
        .tabs button{border:0;background:none;border-radius:7px 7px 0 0;padding:8px 14px;color:var(--muted);position:relative;flex:none}
        .tabs button:hover{color:var(--ink)}.tabs button[aria-selected=true]{color:var(--ink);font-weight:600}
        .tabs button[aria-selected=true]::after{content:"";position:absolute;inset:auto 10px -1px;height:3px;border-radius:3px;background:var(--accent)}
        .tabs button:focus-visible{outline-offset:-3px}
        .card{background:var(--surface);border:1px solid var(--line);border-radius:10px;padding:16px}
        .stack{display:grid;gap:14px;grid-template-columns:minmax(0,1fr)}.pair{display:grid;gap:14px;align-items:start;grid-template-columns:repeat(auto-fit,minmax(min(100%,380px),1fr))}.row{display:flex;flex-wrap:wrap;gap:10px 14px;align-items:center}.row>input{flex:1 1 160px;width:auto!important;max-width:340px}.card>h2:first-child{margin-bottom:8px}
        ul.plain{list-style:none;margin:0;padding:0;display:grid;gap:6px}ul.plain .row{justify-content:space-between}
        .banner{padding:10px 14px;border-radius:8px;background:var(--bad-wash);color:var(--bad);overflow-wrap:anywhere}
        .note{padding:10px 14px;border-radius:8px;background:var(--accent-wash)}
        .empty{text-align:center;padding:38px 20px;color:var(--muted)}.empty h2{color:var(--ink);margin-bottom:6px}
        .empty button{margin-top:14px}
        kbd{font-family:var(--mono);font-size:.8em;border:1px solid var(--line);border-bottom-width:2px;border-radius:4px;padding:0 5px;
        background:var(--raised);color:var(--muted)}

        .ask{position:relative}.ask input{font-size:1.1rem;padding:11px 52px 11px 42px;height:50px!important;border-radius:10px}
        .ask input::-webkit-search-cancel-button{display:none}
        .ask svg{position:absolute;left:14px;top:15px;width:18px;height:18px;stroke:var(--muted);fill:none;stroke-width:2}
        .ask kbd{position:absolute;right:14px;top:13px}.ask input:focus~kbd{visibility:hidden}
        .controls{display:flex;flex-wrap:wrap;gap:8px 16px;align-items:center;margin-top:10px}
        .segments{display:inline-flex;border:1px solid var(--strong-line);border-radius:8px;overflow:hidden;background:var(--surface)}
        .segments label{position:relative;border-left:1px solid var(--line)}.segments label:first-of-type{border:0}
        .segments input{position:absolute;opacity:0;inset:0;margin:0;width:100%;height:100%;cursor:pointer}
        .segments label>span{margin:0;padding:5px 13px;font-size:.9rem;color:var(--muted);min-height:32px}
        .segments input:checked+span{background:var(--accent-wash);color:var(--accent);font-weight:600}
        .segments input:disabled+span{opacity:.5}
        .segments input:focus-visible+span{outline:2px solid var(--accent);outline-offset:-2px;border-radius:7px}
        .inline{display:flex;align-items:center;gap:7px}.inline>span:first-child{margin:0}.inline input{width:5.2em}
        .more{flex-basis:100%;display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,150px),1fr));gap:10px 14px;align-items:end}
        .more .wide{grid-column:1/-1}
        .timing{display:flex;flex-wrap:wrap;align-items:center;gap:4px 14px;margin:14px 0 8px;min-height:24px;font-size:.88rem;color:var(--muted);
        font-variant-numeric:tabular-nums}
        .timing b{color:var(--ink);font-weight:600}.bar{display:inline-flex;width:120px;height:6px;border-radius:3px;overflow:hidden;background:var(--line)}
        .bar i{height:100%}.bar .embed{background:var(--chosen)}.bar .search{background:var(--accent)}
        .timing .embed::before,.timing .search::before,.timing .rest::before{content:"";display:inline-block;width:8px;height:8px;border-radius:2px;margin-right:6px}
        .timing .embed::before{background:var(--chosen)}.timing .search::before{background:var(--accent)}.timing .rest::before{background:var(--strong-line)}
        .timing .bar .embed::before,.timing .bar .search::before{content:none}
        .hits{list-style:none;margin:0;padding:0;display:grid;gap:8px;grid-template-columns:minmax(0,1fr)}
        .hit{background:var(--surface);border:1px solid var(--line);border-radius:10px;padding:12px 14px}
        .hit:focus-visible,.hit:has(:focus-visible){border-color:var(--accent)}
        .hit header{display:flex;align-items:center;gap:10px;font-size:.86rem;color:var(--muted);font-variant-numeric:tabular-nums}
        .hit .id{font-family:var(--mono);color:var(--ink);overflow:hidden;text-overflow:ellipsis;white-space:nowrap;min-width:0}
        .hit .score{margin-left:auto;white-space:nowrap}.meter{width:70px;height:5px;border-radius:3px;background:var(--line);overflow:hidden;flex:none}
        .meter i{display:block;height:100%;background:var(--accent)}
        .hit .text{margin-top:5px;overflow-wrap:anywhere;display:-webkit-box;-webkit-line-clamp:3;-webkit-box-orient:vertical;overflow:hidden}
        .hit[data-open] .text{display:block;white-space:pre-wrap}
        mark{background:var(--mark);color:inherit;border-radius:2px;padding:0 1px}
        .chips{display:flex;flex-wrap:wrap;gap:6px;margin-top:8px}
        .chip{font-size:.8rem;min-height:26px;padding:1px 9px;border-radius:99px;background:var(--raised);max-width:100%;
        overflow:hidden;text-overflow:ellipsis;white-space:nowrap}.chip b{font-weight:400;color:var(--muted);margin-right:5px}
        .rank{border:1px solid var(--line);border-radius:99px;padding:0 8px;white-space:nowrap}
        .hit .detail{margin-top:10px;border-top:1px solid var(--line);padding-top:10px;display:grid;gap:10px;grid-template-columns:minmax(0,1fr)}

        .chart{position:relative}.chart svg,.map svg{display:block;width:100%;touch-action:pan-y}
        .chart svg:focus-visible,.map svg:focus-visible{outline-offset:-2px}
        svg text{font-size:12px;fill:var(--muted);font-variant-numeric:tabular-nums}
        .grid{stroke:var(--line);stroke-width:1}.axis{stroke:var(--strong-line);stroke-width:1;fill:none}
        .front{fill:none;stroke:var(--accent);stroke-width:1.6;opacity:.75}
        .over{fill:var(--chosen);opacity:.06}.budget{stroke:var(--chosen);stroke-width:1.4;stroke-dasharray:5 4}svg text.budget-text{fill:var(--chosen)}
        .interval{stroke:var(--strong-line);stroke-width:1.2;fill:none;opacity:.7}
        .mark{fill:var(--surface);stroke:var(--strong-line);stroke-width:1.8}.on .mark{fill:var(--accent);stroke:var(--surface)}
        .pick .mark{fill:var(--chosen);stroke:var(--surface)}.sample{opacity:.45}.sample .mark{stroke-dasharray:2 2}
        .point .mark{cursor:pointer}.hot{fill:none;stroke:transparent;stroke-width:2}.point.active .hot{stroke:var(--ink)}.point.selected .hot{stroke:var(--chosen)}
        svg text.name{fill:var(--ink);font-family:var(--mono);font-size:11.5px;paint-order:stroke;stroke:var(--surface);stroke-width:4px;stroke-linejoin:round}
        svg text.name.chosen{fill:var(--chosen);font-weight:700}
        .legend{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:.84rem;color:var(--muted);margin-top:8px}
        .legend span{display:inline-flex;align-items:center;gap:6px}.legend svg{width:16px;height:16px}
        .tip{position:absolute;z-index:4;pointer-events:none;max-width:min(380px,90%);background:var(--surface);border:1px solid var(--strong-line);border-radius:8px;
        box-shadow:var(--shadow);padding:8px 11px;font-size:.86rem;font-variant-numeric:tabular-nums}
        .tip b{display:block;font-family:var(--mono);overflow-wrap:anywhere}.tip p{overflow-wrap:anywhere}
        .split{display:grid;grid-template-columns:minmax(0,1fr) 300px;gap:14px;align-items:start}
        dl.figures{display:grid;grid-template-columns:fit-content(55%) minmax(0,1fr);gap:3px 18px;margin:0;font-size:.9rem}#plan-detail dd,dialog dd{text-align:right}
        .figures dt{color:var(--muted)}.figures dd{margin:0;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
        .steps{margin:0;padding:0;list-style:none;display:grid;gap:5px;font-size:.9rem}.steps code{color:var(--accent);font-weight:600}
        .scroll{overflow:auto;max-height:420px}table{border-collapse:collapse;width:100%;font-size:.88rem;font-variant-numeric:tabular-nums}
        th,td{padding:5px 10px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}th:first-child,td:first-child{text-align:left}
        thead th{position:sticky;top:0;background:var(--surface);color:var(--muted);font-weight:600;z-index:1}
        td:first-child button{font-family:var(--mono);border:0;background:none;padding:2px 4px;min-height:0;color:var(--accent);text-align:left}
        tr.chosen td{background:var(--chosen-wash)}tr.selected td{box-shadow:inset 0 1px var(--chosen),inset 0 -1px var(--chosen)}tr.sampled td{color:var(--muted)}
        .badge{font-size:.76rem;font-weight:600;color:var(--chosen);border:1px solid;border-radius:99px;padding:0 7px;margin-left:6px}

        .map{position:relative}.map svg{height:clamp(340px,calc(100vh - 330px),640px);touch-action:none;cursor:grab}.map svg.dragging{cursor:grabbing}
        .place{stroke:var(--accent);stroke-width:5;stroke-linecap:round;opacity:.45;vector-effect:non-scaling-stroke}
        .place.found{stroke:var(--chosen);stroke-width:9;opacity:1}
        .here{fill:var(--ink);stroke:var(--surface);stroke-width:2;pointer-events:none}
        svg text.region{fill:var(--ink);font-size:12.5px;font-weight:600;text-anchor:middle;paint-order:stroke;stroke:var(--surface);stroke-width:4px;
        stroke-linejoin:round;pointer-events:none}
        .map .buttons{position:absolute;right:10px;top:10px;display:flex;gap:4px}.map .buttons button{min-width:34px;padding:4px 9px}

        .drop{border:2px dashed var(--strong-line);border-radius:12px;padding:30px 20px;text-align:center;background:var(--surface)}
        .drop.over{fill:none;opacity:1;border-color:var(--accent);background:var(--accent-wash)}.drop p{margin:4px 0}
        .drop .buttons{display:flex;gap:10px;justify-content:center;flex-wrap:wrap;margin-top:14px}
        progress{width:100%;height:10px;accent-color:var(--accent)}
        .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,190px),1fr));gap:12px}
        .tile{background:var(--surface);border:1px solid var(--line);border-radius:10px;padding:13px 15px}
        .tile .label{margin:0}.tile strong{display:block;font-size:1.5rem;line-height:1.25;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
        .tile strong small{font-size:.85rem;font-weight:400;color:var(--muted)}.tile svg{display:block;width:100%;height:38px;margin-top:6px}
        dialog{border:1px solid var(--line);border-radius:12px;background:var(--surface);color:var(--ink);padding:20px;
        width:min(480px,calc(100vw - 24px));box-shadow:var(--shadow)}
        dialog::backdrop{background:#0008}dialog h2{margin-bottom:10px}dialog .actions{display:flex;justify-content:flex-end;gap:8px;margin-top:4px}
        .veil{position:fixed;inset:0;z-index:30;display:grid;place-items:center;pointer-events:none;background:light-dark(#e9f1fcdd,#16263bdd);
        border:3px dashed var(--accent);font-size:1.3rem;font-weight:600}

        @media (max-width:820px){body{display:block}.top{padding:8px 12px}.brand small{display:none}
        .side{position:static;height:auto;border:0;padding:12px 12px 0;gap:10px}.side h2{padding:0}
        .collections{flex-direction:row;overflow-x:auto;padding-bottom:4px}.collections a{border:1px solid var(--line);background:var(--surface);white-space:nowrap}
        .health{padding:8px 12px;display:flex;flex-wrap:wrap;gap:4px 14px;align-items:center}.health svg{display:none}
        .health dl{margin:0;display:flex;flex-wrap:wrap;gap:0 6px}.health dd{text-align:left;margin-right:8px}
        main{padding:14px 12px 40px}.split{grid-template-columns:minmax(0,1fr)}.card{padding:12px}.tabs{margin:10px 0 14px}.tabs button{padding:8px 10px}
        .hit .meter{display:none}.map svg{height:60vh}}
        @media (max-width:480px){.top .wide{display:none}}
        @media (prefers-reduced-motion:no-preference){.collections a,button{transition:background .12s,border-color .12s,color .12s}}
        """#
}
