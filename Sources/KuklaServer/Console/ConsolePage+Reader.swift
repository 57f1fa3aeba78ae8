extension ConsolePage {
    /// Files of items, read piece by piece in the page: JSON lines, JSON arrays, CSV and TSV, lines of text, and gzip of each.
    static let readerScript = #"""
        // The text of a file in pieces; `progress` hears how many of its bytes were read.
        async function* piecesOf(file, progress) {
          let read = 0;
          const counted = new TransformStream({ transform(chunk, out) { read += chunk.byteLength; progress?.(read); out.enqueue(chunk); } });
          let stream = file.stream().pipeThrough(counted);
          const head = new Uint8Array(await file.slice(0, 2).arrayBuffer());
          if (head[0] === 0x1f && head[1] === 0x8b) stream = stream.pipeThrough(new DecompressionStream("gzip"));
          const reader = stream.getReader(), decoder = new TextDecoder("utf-8", { fatal: true });
          try {
            for (;;) {
              const { value, done } = await reader.read();
              let text;
              try { text = done ? decoder.decode() : decoder.decode(value, { stream: true }); } catch { throw new Error("The file is not UTF-8 text."); }
              if (text) yield text;
              if (done) return;
            }
          } catch (error) {
            throw error instanceof TypeError ? new Error("The file cannot be read: it is damaged, or is not what its first bytes say.") : error;
          } finally { reader.cancel().catch(() => {}); }
        }
        async function* linesOf(file, progress) {
          let rest = "";
          for await (const piece of piecesOf(file, progress)) {
            const lines = (rest + piece).split("\n");
            rest = lines.pop();
            for (const line of lines) yield line.endsWith("\r") ? line.slice(0, -1) : line;
          }
          if (rest) yield rest;
        }
        // Records of a CSV or TSV file, with quotes as RFC 4180 has them.
        async function* recordsOf(file, separator, progress) {
          let field = "", record = [], isQuoted = false, wasQuote = false, isStarted = false;
          for await (const piece of piecesOf(file, progress)) for (const letter of piece) {
            if (isQuoted && !wasQuote) { if (letter === '"') wasQuote = true; else field += letter; continue; }
            if (wasQuote) {
              wasQuote = false;
              if (letter === '"') { field += letter; continue; }
              isQuoted = false;
            }
            if (letter === '"' && !field && separator !== "\t") { isQuoted = isStarted = true; }
            else if (letter === separator) { record.push(field); field = ""; isStarted = true; }
            else if (letter === "\n") { if (isStarted || field) { record.push(field); yield record; } record = []; field = ""; isStarted = false; }
            else if (letter !== "\r") { field += letter; isStarted = true; }
          }
          if (isQuoted && !wasQuote) throw new Error("The file ends within a quoted field.");
          if (isStarted || field) { record.push(field); yield record; }
        }

        // What a file is, by its name and its first lines: { kind, columns?, rows?, separator?, hasHeader? }
        async function formatOf(file) {
          const name = file.name.toLowerCase().replace(/\.gz$/, "");
          let head = "";
          for await (const piece of piecesOf(file)) { head += piece; if (head.length > 60000) break; }
          const first = head.trimStart()[0];
          if (/\.(jsonl|ndjson)$/.test(name) || first === "{" && !name.endsWith(".json")) return { kind: "lines of JSON" };
          if (name.endsWith(".json") || first === "[") return { kind: first === "{" ? "lines of JSON" : "array of JSON" };
          const line = head.split("\n", 1)[0];
          const separator = name.endsWith(".tsv") || /\t/.test(line) ? "\t" : name.endsWith(".csv") ? (line.split(";").length > line.split(",").length ? ";" : ",") : null;
          if (!separator) return { kind: "lines of text" };
          const rows = [];
          for await (const record of recordsOf(new Blob([head]), separator)) { rows.push(record); if (rows.length > 60) break; }
          if (head.length > 60000) rows.pop();
          return { kind: "table", separator, ...columnsOf(rows) };
        }
        // Whether the first row names columns, and what each column is: id, text or metadata, of numbers or of text.
        function columnsOf(rows) {
          const isNumber = (text) => /^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$/.test(text);
          const hasHeader = rows.length > 1 && rows[0].every((cell) => cell && cell.length < 60 && !isNumber(cell)) && new Set(rows[0]).size === rows[0].length;
          const body = hasHeader ? rows.slice(1) : rows, wide = Math.max(0, ...rows.slice(0, 20).map((row) => row.length));
          const columns = Array.from({ length: wide }, (_, at) => {
            const cells = body.map((row) => row[at] ?? "").filter(Boolean);
            return { name: hasHeader ? rows[0][at] ?? `column ${at + 1}` : `column ${at + 1}`, isNumber: cells.length > 0 && cells.every(isNumber), length: cells.reduce((sum, cell) => sum + cell.length, 0) / (cells.length || 1), role: "metadata" };
          });
          const id = columns.find((column) => /^_?(id|key|uuid)$/i.test(column.name));
          if (id) id.role = "id";
          const texts = columns.filter((column) => column.role !== "id" && !column.isNumber && (/^(text|title|content|body|abstract|description|sentence\d?|question|answer)$/i.test(column.name) || !hasHeader && column.length > 20));
          const longest = [...columns].filter((column) => column.role !== "id").sort((a, b) => b.length - a.length)[0];
          for (const column of texts.length ? texts : longest ? [longest] : []) column.role = "text";
          return { hasHeader, columns, rows: body.slice(0, 3) };
        }
        const stem = (file) => file.name.replace(/\.gz$/i, "").replace(/\.[^.]*$/, "") || "item";

        // The lines to send, each an item as JSON.
        async function* itemLinesOf(file, format, progress) {
          if (format.kind === "lines of JSON") { for await (const line of linesOf(file, progress)) if (line.trim()) yield line; return; }
          if (format.kind === "array of JSON") {
            let text = "";
            for await (const piece of piecesOf(file, progress)) text += piece;
            let items;
            try { items = JSON.parse(text); } catch (error) { throw new Error(`The file is not JSON: ${error.message}`); }
            if (!Array.isArray(items)) throw new Error("The file is JSON, but not an array of items.");
            for (const item of items) yield JSON.stringify(typeof item === "string" ? { text: item } : item);
            return;
          }
          let row = 0;
          if (format.kind === "lines of text") {
            for await (const line of linesOf(file, progress)) { row += 1; if (line.trim()) yield JSON.stringify({ id: `${stem(file)}-${row}`, text: line }); }
            return;
          }
          for await (const record of recordsOf(file, format.separator, progress)) {
            row += 1;
            if (row > 1 || !format.hasHeader) yield JSON.stringify(itemOf(record, format, row, file));
          }
        }
        function itemOf(record, format, row, file) {
          if (record.length > format.columns.length) throw new Error(`Row ${count(row)} has ${plural(record.length, "field")}, the first rows ${count(format.columns.length)}.`);
          const item = { id: `${stem(file)}-${row}`, text: "", metadata: {} };
          format.columns.forEach((column, at) => {
            const cell = record[at] ?? "";
            if (column.role === "id") item.id = cell;
            else if (column.role === "text") item.text += (item.text && cell ? " " : "") + cell;
            else if (column.role === "metadata" && cell) {
              const value = column.isNumber ? Number(cell) : cell;
              if (Number.isNaN(value)) throw new Error(`Row ${count(row)}: ‘${cell.slice(0, 40)}’ in ${column.name} is not a number, as the first rows have there. Leave the column out, or mend the row.`);
              item.metadata[column.name] = value;
            }
          });
          if (!item.id) throw new Error(`Row ${count(row)} has no id.`);
          return item;
        }
        """#
}
