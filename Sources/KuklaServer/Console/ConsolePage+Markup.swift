extension ConsolePage {
    /// The page without style and script, which take the places of `STYLE` and `SCRIPT`. What depends on data is made by the script.
    static let markup = #"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width,initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="referrer" content="no-referrer">
        <title>Kukla</title>
        <link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'%3E%3Crect x='9' y='1' width='6' height='22' rx='3' fill='%23c2410c'/%3E%3Crect x='1' y='5' width='6' height='18' rx='3' fill='%231d5fbf' opacity='.45'/%3E%3Crect x='17' y='9' width='6' height='14' rx='3' fill='%231d5fbf'/%3E%3C/svg%3E">
        <style>STYLE</style>
        </head>
        <body>
        <a class="skip" href="#main" data-skip="main">Skip to the content</a>
        <a class="skip" href="#query" data-skip="query">Skip to the search</a>
        <header class="top">
        <span class="brand"><svg viewBox="0 0 24 24" aria-hidden="true"><rect class="a" x="1" y="5" width="6" height="18" rx="3" opacity=".45"/><rect class="b" x="9" y="1" width="6" height="22" rx="3"/><rect class="a" x="17" y="9" width="6" height="14" rx="3"/></svg>Kukla <small id="version"></small></span>
        <button type="button" class="quiet" id="help-button" aria-haspopup="dialog" aria-label="Keys"><span class="wide">Keys</span><kbd>?</kbd></button>
        <button type="button" class="quiet" id="theme-button"><span class="wide">Theme:</span><span id="theme-name">system</span></button>
        <button type="button" id="key-button" aria-haspopup="dialog">API key</button>
        </header>
        <aside class="side" aria-label="Collections and health">
        <nav aria-label="Collections">
        <h2><span>Collections</span><button type="button" class="quiet" id="create-button" aria-haspopup="dialog" aria-label="Create a collection">+ New</button></h2>
        <ul class="collections" id="collections"></ul>
        </nav>
        <a class="health" id="health" href="#/server" aria-label="Health of the server"></a>
        </aside>
        <main id="main" tabindex="-1">
        <noscript>This page needs JavaScript. The same can be done over HTTP: see /openapi.json.</noscript>
        <div class="banner" id="trouble" role="alert" hidden></div>
        <div id="collection-head" hidden>
        <div class="head"><h1 id="title"></h1><span class="muted" id="alias-names"></span></div>
        <div class="facts" id="facts"></div>
        <div class="tabs" role="tablist" aria-label="What to see of the collection" id="tabs">
        <button type="button" role="tab" id="tab-search" aria-controls="view-search">Search</button>
        <button type="button" role="tab" id="tab-plan" aria-controls="view-plan">Plan</button>
        <button type="button" role="tab" id="tab-map" aria-controls="view-map">Map</button>
        <button type="button" role="tab" id="tab-import" aria-controls="view-import">Import</button>
        <button type="button" role="tab" id="tab-manage" aria-controls="view-manage">Manage</button>
        </div>
        </div>
        <section id="view-search" role="tabpanel" aria-labelledby="tab-search" hidden>
        <form id="search-form" role="search" aria-label="Search the collection" autocomplete="off">
        <div class="ask"><label class="unseen" for="query">Search</label><input id="query" type="search" placeholder="Search by meaning or by words" spellcheck="false" aria-controls="hits"><svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="10.5" cy="10.5" r="7"/><path d="M16 16l6 6"/></svg><kbd aria-hidden="true">/</kbd></div>
        <div class="controls">
        <fieldset class="segments" id="by"><legend class="unseen">Search by</legend>
        <label><input type="radio" name="by" value="both"><span>Both</span></label><label><input type="radio" name="by" value="vector"><span>Vector</span></label><label><input type="radio" name="by" value="words"><span>Words</span></label></fieldset>
        <label class="inline"><span>Hits</span><input id="k" type="number" min="1" max="1000" value="10" inputmode="numeric"></label>
        <button type="button" class="quiet" id="more-button" aria-expanded="false" aria-controls="more">Filter and options</button>
        <div class="more" id="more" hidden>
        <label class="wide"><span>Filter, as JSON: <code>{"year": {"$gte": 2020}, "lang": "en"}</code></span><input id="where" class="mono" spellcheck="false" aria-describedby="where-said"></label>
        <p class="wide small muted" id="where-said" role="status"></p>
        <label><span>Effort (graphs and lists)</span><input id="effort" type="number" min="1" placeholder="the plan's"></label>
        <label><span>Candidates compared exactly</span><input id="candidates" type="number" min="1" placeholder="automatic"></label>
        <label><span>Or: recall wanted</span><input id="recall" type="number" min="0" max="1" step="0.01" placeholder="such as 0.95"></label>
        <label class="check"><input type="checkbox" id="explain"><span>Explain</span></label>
        </div>
        </div>
        </form>
        <div class="timing" id="timing" role="status" aria-live="polite"></div>
        <div class="banner" id="search-trouble" role="alert" hidden></div>
        <ol class="hits" id="hits" aria-label="Hits"></ol>
        <details class="card" id="explained" hidden><summary>How it was found</summary><pre id="explanation"></pre></details>
        </section>
        <section id="view-plan" role="tabpanel" aria-labelledby="tab-plan" class="stack" hidden></section>
        <section id="view-map" role="tabpanel" aria-labelledby="tab-map" class="stack" hidden></section>
        <section id="view-import" role="tabpanel" aria-labelledby="tab-import" class="stack" hidden></section>
        <section id="view-manage" role="tabpanel" aria-labelledby="tab-manage" class="stack" hidden></section>
        <section id="view-server" aria-label="The server" class="stack" hidden></section>
        <section id="view-none" hidden></section>
        </main>
        <div class="unseen" id="live" aria-live="polite"></div>
        <div class="veil" id="veil" hidden>Drop to import</div>
        <dialog id="key-dialog" aria-labelledby="key-title"><form method="dialog" class="stack" id="key-form"><h2 id="key-title">API key</h2>
        <p class="muted small">It is kept in this tab only, and is forgotten when the tab is closed.</p>
        <div class="banner" id="key-trouble" role="alert" hidden></div>
        <label><span>Key</span><input id="key" type="password" autocomplete="off" spellcheck="false"></label>
        <div class="actions"><button type="button" class="danger" id="key-forget">Forget</button><button type="button" id="key-cancel">Cancel</button><button type="submit" class="primary">Use this key</button></div></form></dialog>
        <dialog id="create-dialog" aria-labelledby="create-title"><form method="dialog" class="stack" id="create-form"></form></dialog>
        <dialog id="confirm-dialog" aria-labelledby="confirm-title"><form method="dialog" class="stack" id="confirm-form"></form></dialog>
        <dialog id="help-dialog" aria-labelledby="help-title"><h2 id="help-title">Keys</h2>
        <dl class="figures"><dt>Search</dt><dd><kbd>/</kbd></dd><dt>From the search box into the hits, and between them</dt><dd><kbd>↓</kbd> <kbd>↑</kbd></dd><dt>Open a hit</dt><dd><kbd>Enter</kbd></dd><dt>Empty the search box</dt><dd><kbd>Esc</kbd></dd><dt>Between tabs, plans of the chart, places of the map</dt><dd><kbd>←</kbd> <kbd>→</kbd></dd><dt>The map: closer, further, all</dt><dd><kbd>+</kbd> <kbd>−</kbd> <kbd>0</kbd></dd><dt>This list</dt><dd><kbd>?</kbd></dd></dl>
        <form method="dialog" class="actions"><button type="submit" class="primary">Close</button></form></dialog>
        <script type="module">SCRIPT</script>
        </body>
        </html>
        """#
}
