import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTestSupport
import Testing

@Suite struct MainJobTests {
    /// 400 vectors of 32 dimensions around 20 centres, as an npy file.
    static func vectors(_ folder: TemporaryFolder, rows: Int = 400, named name: String = "vectors.npy") throws
    {
        let centres = Matrix.normal(rows: 20, columns: 32, seed: 1)
        let noise = Matrix.normal(rows: rows, columns: 32, seed: 2)
        let writer = try NPYWriter(folder.url.appending(path: name), dimensions: 32)
        try writer.append(
            Matrix(rows: rows, columns: 32) { out in
                for i in out.indices { out[i] = centres[i / 32 % 20, i % 32] + 0.5 * noise[i / 32, i % 32] }
            })
        try writer.commit()
    }

    @Test func `vectors are fitted, indexed, searched and described`() throws {
        let folder = try TemporaryFolder()
        try Self.vectors(folder)
        try Self.vectors(folder, rows: 3, named: "queries.npy")
        let fit = try Command.run(
            "fit", "vectors.npy", "--budget", "16B", "-o", "plan.json", "--report", "report.html",
            in: folder.url)
        #expect(fit.status == 0, "\(fit.errors)")
        #expect(fit.output.contains("recall@10"))
        let plan = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: folder.url.appending(path: "plan.json")))
                as? [String: Any])
        let plans = try #require(plan["plans"] as? [[String: Any]])
        let chosen = try #require(plans.first { $0["is_chosen"] as? Bool == true })
        #expect(chosen["plan"] as? String == plan["plan"] as? String)
        let bytes = try #require(chosen["bytes_per_vector"] as? Double)
        #expect(bytes <= 16 && bytes > 8)
        // The best of those within the budget was chosen, not a constant.
        let best = plans.filter {
            ($0["bytes_per_vector"] as? Double ?? 99) <= 16 && $0["is_finalist"] as? Bool == true
        }
        .compactMap { $0["recall"] as? Double }.max()
        #expect(chosen["recall"] as? Double == best)
        let page = try String(contentsOf: folder.url.appending(path: "report.html"), encoding: .utf8)
        #expect(page.contains("<svg") && !page.contains("src=\"http"))

        let index = try Command.run(
            "index", "vectors.npy", "--plan", "plan.json", "-o", "c.kukla", in: folder.url)
        #expect(index.status == 0, "\(index.errors)")
        let search = try Command.run(
            "search", "c.kukla", "--vectors", "queries.npy", "-k", "2", "--json", in: folder.url)
        #expect(search.status == 0, "\(search.errors)")
        let found = try #require(
            try JSONSerialization.jsonObject(with: Data(search.output.utf8)) as? [String: Any])
        let answers = try #require(found["answers"] as? [[String: Any]])
        // The queries are the first three vectors themselves.
        let first = answers.compactMap { ($0["hits"] as? [[String: Any]])?.first?["id"] as? String }
        #expect(first == ["0", "1", "2"])

        let info = try Command.run("info", "c.kukla", "--json", in: folder.url)
        #expect(info.status == 0 && info.output.contains("\"is_intact\" : true"))
        #expect(!info.output.contains("\"is_intact\" : false"))
    }

    @Test func `limits of memory, latency and recall choose a plan with an effort, which the index keeps`()
        throws
    {
        let folder = try TemporaryFolder()
        try Self.vectors(folder, rows: 1000)
        func fit(_ limits: String...) throws -> Command {
            try Command.run(
                ["fit", "vectors.npy", "-o", "plan.json", "--report", "report.html"] + limits, in: folder.url)
        }
        // Nothing answers in no time at all.
        let refused = try fit("--budget", "16B", "--latency", "0.1us")
        #expect(refused.failed(2, "No plan meets", "what binds is latency", "With --latency 0.0"))
        #expect(folder.contents == ["vectors.npy"])
        let fitted = try fit("--memory", "333kB", "--recall", "0.9", "--latency", "1s")
        #expect(fitted.status == 0, "\(fitted.errors)")
        #expect(fitted.output.contains("p50 ms") && fitted.output.contains("p99 ms"))
        let url = folder.url.appending(path: "plan.json")
        let plan = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
        #expect(plan["schema_version"] as? Int == 2)
        let chosen = try #require(
            (plan["plans"] as? [[String: Any]])?.first { $0["is_chosen"] as? Bool == true })
        #expect((chosen["resident_bytes"] as? Int ?? .max) <= 333_000)
        #expect((chosen["recall"] as? Double ?? 0) >= 0.9 && chosen["structure"] as? String != nil)
        #expect((chosen["p50_milliseconds"] as? Double ?? 0) > 0)
        // Whatever was chosen here, a plan with an effort is built with it.
        let text = try String(contentsOf: url, encoding: .utf8)
        let name = try #require(plan["plan"] as? String)
        var changed = text.replacing(
            "  \"plan\" : \"\(name)\",\n  \"plans\"", with: "  \"plan\" : \"IVF16,SQ8\",\n  \"plans\"")
        changed = changed.replacing(#/\n  "effort" : \d+,/#, with: "")
        changed.replace("{\n", with: "{\n  \"effort\" : 5,\n", maxReplacements: 1)
        try Data(changed.utf8).write(to: url)
        #expect(
            try Command.run("index", "vectors.npy", "--plan", "plan.json", "-o", "c.kukla", in: folder.url)
                .status == 0)
        let info = try Command.run("info", "c.kukla", "--json", in: folder.url)
        #expect(info.output.contains("\"effort\" : 5") && info.output.contains("IVF16,SQ8"), "\(info.output)")
    }

    @Test(.enabled(if: SharedData.model != nil, "needs the real model: make model"))
    func `text becomes a collection that answers questions`() throws {
        let folder = try TemporaryFolder()
        let texts = [
            "resize and convert pictures", "play chess against the computer",
            "monitor network connections by process",
            "edit sound files", "write letters and spreadsheets",
        ]
        let lines = texts.enumerated().map { "{\"id\": \"p\($0.offset)\", \"text\": \"\($0.element)\"}\n" }
            .joined()
        try Data(lines.utf8).write(to: folder.url.appending(path: "texts.jsonl"))
        for arguments in [
            ["embed", "texts.jsonl", "-o", "v.npy"],
            ["index", "v.npy", "--factory", "SQ8", "--texts", "texts.jsonl", "-o", "t.kukla"],
        ] {
            let done = try Command.run(arguments, in: folder.url)
            #expect(done.status == 0, "\(done.errors)")
        }
        let search = try Command.run("search", "t.kukla", "make photos smaller", "-k", "1", in: folder.url)
        #expect(search.output.contains("p0") && search.output.contains("resize and convert pictures"))
        let standardInput = try Command.run(
            "embed", "-", "--format", "txt", "--dims", "8", "-o", "v.jsonl", in: folder.url,
            input: "one\ntwo\n")
        #expect(standardInput.status == 0, "\(standardInput.errors)")
        let vectors = try VectorFile.readAll(folder.url.appending(path: "v.jsonl"))
        #expect(vectors.rows == 2 && vectors.columns == 8)
    }
}
