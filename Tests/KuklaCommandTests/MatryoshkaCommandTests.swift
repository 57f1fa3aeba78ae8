import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTestSupport
import Testing

/// `kukla train matryoshka`, and what a person does with the model: cut it, measure it, search with it.
@Suite struct MatryoshkaCommandTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try TinyModel.write(to: folder.url.appending(path: "model"))
        let sentences = TinyModel.sentences(400)
        try write((0..<180).map { "\(sentences[$0])\t\(sentences[$0 + 180])" }, "pairs.tsv")
        try write(
            (0..<90).map { "\(sentences[$0])\t\(sentences[$0 + 180])\t\(sentences[$0 + 90])" }, "triplets.tsv"
        )
        try write(
            (0..<120).map { i in
                let j = (i * 11 + 5) % 180
                return "\(sentences[i])\t\(sentences[j])\t\(5 - Double(abs(i % 6 - j % 6)) * 0.8)"
            }, "scored.tsv")
        try write(sentences.prefix(30).map { $0 }, "texts.txt")
    }

    private func write(_ lines: [String], _ name: String) throws {
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: folder.url.appending(path: name))
    }

    private func run(_ arguments: String...) throws -> Command { try Command.run(arguments, in: folder.url) }

    private func json(_ command: Command) throws -> [String: Any] {
        #expect(command.status == 0, "\(command.errors)")
        return try #require(
            try JSONSerialization.jsonObject(with: Data(command.output.utf8)) as? [String: Any])
    }

    private func train(_ more: String...) throws -> Command {
        try Command.run(
            ["train", "matryoshka", "--model", "model", "-o", "elastic", "--batch-size", "20"] + more,
            in: folder.url)
    }

    /// The sizes of the folder's config.json as `2x16`, with their qualities.
    private func sizes(_ name: String) throws -> [(size: String, quality: Double?)] {
        let data = try Data(contentsOf: folder.url.appending(path: "\(name)/config.json"))
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let section = try #require(object["kukla"] as? [String: Any])
        return try #require(section["sizes"] as? [[String: Any]]).map {
            ("\($0["layers"] ?? "")x\($0["dimensions"] ?? "")", $0["quality"] as? Double)
        }
    }

    @Test func `small sizes get better, the folder tells how good, and a page is written`() throws {
        let report = try json(
            train(
                "--sts", "scored.tsv", "--eval", "scored.tsv", "--dims", "16,8,4", "--layers", "1,2",
                "--epochs", "8", "--learning-rate", "0.003", "--dropout", "0", "--json"))
        let (before, after) = (report["before"] as? [String: Double], report["after"] as? [String: Double])
        #expect((after?["spearman_mean"] ?? 0) > (before?["spearman_mean"] ?? 1) + 0.02)
        #expect((after?["spearman_1x4"] ?? 0) > (before?["spearman_1x4"] ?? 1))
        let found = try sizes("elastic")
        #expect(found.map(\.size) == ["2x16", "2x8", "2x4", "1x16", "1x8", "1x4"])
        for (size, quality) in found { #expect(quality == after?["spearman_\(size)"]) }
        let card = try String(contentsOf: folder.url.appending(path: "elastic/README.md"), encoding: .utf8)
        #expect(card.contains("quality.svg") && card.contains("2-D Matryoshka over 16,8,4 dimensions"))
        #expect(
            FileManager.default.fileExists(atPath: folder.url.appending(path: "elastic/quality.svg").path))

        // What was measured in training is what the command measures of the folder, at that size and all at once.
        let single = try json(
            run("eval", "sts", "scored.tsv", "--model", "elastic", "--dims", "8", "--layers", "1", "--json"))
        let expected = try #require(after?["spearman_1x8"])
        #expect(abs((single["spearman"] as? Double ?? 0) - expected) < 2e-3)
        let all = try json(
            run(
                "eval", "sizes", "scored.tsv", "--model", "elastic", "--task", "sts", "--report",
                "sizes.html",
                "--json"))
        let cells = try #require(all["sizes"] as? [[String: Any]])
        #expect(cells.count == 6 && all["metric"] as? String == "spearman")
        let cell = try #require(
            cells.first { $0["layers"] as? Int == 1 && $0["dimensions"] as? Int == 8 })
        #expect(abs((cell["quality"] as? Double ?? 0) - expected) < 2e-3)
        #expect(cell["bytes_per_vector"] as? Int == 32 && cell["milliseconds_per_text"] as? Double ?? 0 > 0)
        #expect(cells.contains { $0["is_pareto"] as? Bool == true })
        let page = try String(contentsOf: folder.url.appending(path: "sizes.html"), encoding: .utf8)
        #expect(page.contains("<svg") && !page.contains("src=\"http"))
        let table = try run(
            "eval", "sizes", "scored.tsv", "--model", "elastic", "--dims", "16,4", "--layers", "2",
            "--report", "map.svg")
        #expect(table.status == 0 && table.output.contains("16d") && table.output.contains("*"))
        #expect(folder.contents.contains("map.svg"))
    }

    @Test(arguments: ["mrl", "2dmse", "starbucks"])
    func `every recipe trains, by pairs and by triplets, in one piece and in several`(_ recipe: String) throws
    {
        let expected = [
            "mrl": ["2x16", "2x8"], "2dmse": ["2x16", "2x8", "1x16", "1x8"], "starbucks": ["2x16", "1x8"],
        ]
        let done = try train(
            "--pairs", "pairs.tsv", "--recipe", recipe, "--dims", "16,8", "--steps", "4", "-q")
        #expect(done.status == 0, "\(done.errors)")
        let found = try sizes("elastic")
        #expect(found.map(\.size) == expected[recipe])
        // A tenth of the rows was kept to measure by.
        #expect(found.allSatisfy { $0.quality != nil })
        func losses(_ more: [String]) throws -> String {
            let all = [
                "train", "matryoshka", "--model", "model", "-o", "other", "--fresh", "--triplets",
                "triplets.tsv", "--recipe", "recipe.yaml", "--dropout", "0", "-q", "--steps", "4",
                "--batch-size", "20",
            ]
            let done = try Command.run(all + more, in: folder.url)
            #expect(done.status == 0, "\(done.errors)")
            return try String(
                contentsOf: folder.url.appending(path: "other.run/metrics.jsonl"), encoding: .utf8)
        }
        try write(["log_every: 4", "options:", "  method: \(recipe)", "  dims: [16, 8]"], "recipe.yaml")
        func loss(_ log: String) throws -> Double {
            let match = try #require(log.firstMatch(of: /"loss": ?([0-9.]+)/))
            return try #require(Double(match.1))
        }
        let (whole, pieces) = (try loss(losses([])), try loss(losses(["--micro-batch", "7"])))
        #expect(abs(whole - pieces) < 1e-4 * whole)
    }

    @Test func `a size that is embedded, exported or stored is the same`() throws {
        #expect(
            try run("embed", "texts.txt", "--model", "model", "--dims", "6", "--layers", "1", "-o", "a.npy")
                .status == 0)
        let exported = try json(
            run("export", "--model", "model", "--dims", "6", "--layers", "1", "-o", "small", "--json"))
        #expect(
            (exported["model_bytes"] as? Int ?? 0) < (exported["model_bytes_before"] as? Int ?? 0))
        #expect(try run("embed", "texts.txt", "--model", "small", "-o", "b.npy").status == 0)
        let (a, b) = (
            try VectorFile.readAll(folder.url.appending(path: "a.npy")),
            try VectorFile.readAll(folder.url.appending(path: "b.npy"))
        )
        #expect(a.columns == 6 && zip(a.elements, b.elements).allSatisfy { abs($0 - $1) < 1e-6 })
        #expect(try run("export", "--model", "model", "-o", "none").status == 64)
        #expect(try run("export", "--model", "model", "--layers", "3", "-o", "none").failed(64, "3", "2"))
        #expect(try run("export", "--model", "model", "--dims", "17", "-o", "none").failed(64, "17", "16"))
        #expect(try run("export", "--model", "nowhere", "--dims", "8", "-o", "none").failed(2, "nowhere"))
        #expect(try run("export", "--model", "model", "--dims", "8", "-o", "model").failed(64, "model"))
        #expect(
            try run("embed", "texts.txt", "--model", "model", "--layers", "3", "-o", "none.npy").failed(
                64, "3"))
        #expect(!folder.contents.contains { $0.hasPrefix("none") })
    }

    @Test func `a model is turned to its principal components, and trains on from there`() throws {
        func vectors(_ model: String, _ more: String...) throws -> Matrix {
            let done = try Command.run(
                ["embed", "texts.txt", "--model", model, "-o", "v.npy"] + more, in: folder.url)
            #expect(done.status == 0, "\(done.errors)")
            return try VectorFile.readAll(folder.url.appending(path: "v.npy"))
        }
        let report = try json(
            run("export", "--model", "model", "--principal", "texts.txt", "-o", "turned", "--json"))
        #expect(report["dimensions"] as? Int == 16 && report["layers"] as? Int == 2)
        let (plain, turned) = (try vectors("model"), try vectors("turned"))
        func cosine(_ m: Matrix, _ a: Int, _ b: Int) -> Float {
            zip(m.row(a), m.row(b)).reduce(0) { $0 + $1.0 * $1.1 }
        }
        for i in 0..<30 { #expect(abs(cosine(plain, i, 7) - cosine(turned, i, 7)) < 1e-5) }
        // Variances fall from component to component.
        let variances = (0..<16).map { i -> Float in
            let values = (0..<30).map { turned.row($0)[i] }
            let mean = values.reduce(0, +) / 30
            return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        }
        for (a, b) in zip(variances, variances.dropFirst()) { #expect(a >= b - 1e-6) }
        #expect(
            try run("export", "--model", "model", "--principal", "texts.txt", "--dims", "4", "-o", "four")
                .status == 0)
        let (cut, four) = (try vectors("turned", "--dims", "4"), try vectors("four"))
        #expect(zip(cut.elements, four.elements).allSatisfy { abs($0 - $1) < 1e-5 })
        let done = try Command.run(
            [
                "train", "matryoshka", "--model", "turned", "-o", "elastic", "--pairs", "pairs.tsv",
                "--batch-size", "20", "--dims", "16,4", "--steps", "2", "-q",
            ], in: folder.url)
        #expect(done.status == 0, "\(done.errors)")
        #expect(try sizes("elastic").map(\.size) == ["2x16", "2x4"])
        try write(Array(TinyModel.sentences(12)), "few.txt")
        #expect(
            try run("export", "--model", "model", "--principal", "few.txt", "-o", "none").failed(
                2, "few.txt", "16"))
        #expect(
            try run("export", "--model", "model", "--principal", "no.txt", "-o", "none").failed(2, "no.txt"))
        #expect(!folder.contents.contains { $0.hasPrefix("none") })
    }

    @Test func `a collection is searched through a funnel`() throws {
        #expect(try run("embed", "texts.txt", "--model", "model", "-o", "v.npy").status == 0)
        #expect(
            try run("index", "v.npy", "--factory", "F32", "--texts", "texts.txt", "-o", "c.kukla").status == 0
        )
        func ids(_ more: String...) throws -> [[String]] {
            let found = try json(
                Command.run(["search", "c.kukla", "--vectors", "v.npy", "--json"] + more, in: folder.url))
            #expect(found["k"] as? Int == 3)
            return try #require(found["answers"] as? [[String: Any]]).map {
                ($0["hits"] as? [[String: Any]] ?? []).compactMap { $0["id"] as? String }
            }
        }
        #expect(try ids("--funnel", "4:30,16:3") == ids("-k", "3"))
        let text = try run(
            "search", "c.kukla", "a man plays a guitar today", "--model", "model", "--funnel", "4:20,8:5,16:2"
        )
        #expect(text.status == 0 && text.output.split(separator: "\n").count == 2, "\(text.errors)")
        #expect(text.errors.contains("multiplications"))
        func refused(_ funnel: String, _ words: String...) throws -> Bool {
            let found = try run("search", "c.kukla", "--vectors", "v.npy", "--funnel", funnel)
            return found.status == 64 && words.allSatisfy(found.errors.contains)
        }
        #expect(try refused("16:3,4:30", "4:30", "more dimensions"))
        #expect(try refused("4:30,32:3", "32", "16"))
        #expect(try refused("4", "DIMENSIONS:COUNT"))
        #expect(
            try run("search", "c.kukla", "--vectors", "v.npy", "--funnel", "4:9", "-k", "10").failed(
                64, "4:9"))
        #expect(
            try run("search", "c.kukla", "--vectors", "v.npy", "--funnel", "4:9", "--within", "1").status
                == 64)
        #expect(
            try run("index", "v.npy", "--factory", "HNSW4,F32", "-o", "graph.kukla").status == 0)
        #expect(
            try run("search", "graph.kukla", "--vectors", "v.npy", "--funnel", "4:9").failed(64, "flat"))
    }

    @Test func `bad input is told in a sentence, and nothing is written`() throws {
        func refused(_ status: Int32, _ arguments: [String], _ words: String...) throws -> Bool {
            let done = try Command.run(
                ["train", "matryoshka", "--model", "model", "-o", "out", "--batch-size", "20"] + arguments,
                in: folder.url)
            let isRight =
                done.status == status && done.output.isEmpty && words.allSatisfy(done.errors.contains)
            if !isRight { Issue.record("\(arguments): \(done.status), \(done.errors)") }
            return isRight
        }
        let pairs = ["--pairs", "pairs.tsv"]
        #expect(try refused(64, pairs + ["--dims", "32,16"], "32", "the model has 16"))
        #expect(try refused(64, pairs + ["--dims", "8,16"], "8,16", "falling"))
        #expect(try refused(64, pairs + ["--dims", "16,16,8"], "16,16,8", "twice"))
        #expect(try refused(64, pairs + ["--dims", "16,0"], "0"))
        #expect(try refused(64, pairs + ["--dims", "16,a"], "16,a"))
        #expect(try refused(64, pairs + ["--layers", "1,3"], "3 layers", "the model has 2"))
        #expect(try refused(64, pairs + ["--layers", "2,1"], "2,1", "rising"))
        #expect(try refused(64, pairs + ["--layers", "1", "--recipe", "mrl"], "mrl", "--layers"))
        #expect(try refused(64, pairs + ["--layers", "2"], "2dmse", "below the 2"))
        #expect(
            try refused(
                64, pairs + ["--recipe", "starbucks", "--dims", "16,8,4", "--layers", "1,2"], "as many layers"
            ))
        #expect(try refused(64, pairs + ["--recipe", "russian"], "russian", "mrl, 2dmse, starbucks"))
        #expect(try refused(64, pairs + ["--sts", "scored.tsv"], "one of --pairs"))
        #expect(try refused(64, [], "one of --pairs"))
        #expect(
            try refused(64, ["--sts", "scored.tsv", "--loss", "angle", "--dims", "16,5"], "angle", "5"))
        #expect(try refused(64, ["--sts", "scored.tsv", "--loss", "hinge"], "hinge"))
        #expect(try refused(2, ["--triplets", "pairs.tsv"], "pairs.tsv", "three texts"))
        try write(["one\tother", "one"], "column.tsv")
        #expect(try refused(2, ["--pairs", "column.tsv"], "column.tsv", "line 2", "one column"))
        try write(["one\tother\t3", "other\tone\t5.5"], "range.tsv")
        #expect(try refused(2, ["--sts", "range.tsv"], "range.tsv", "line 2", "5.5"))
        try write(["options:", "  weights: [1, 2, 3]", "  dims: [16, 8]"], "weights.yaml")
        #expect(try refused(64, pairs + ["--recipe", "weights.yaml"], "3 weights"))
        #expect(try refused(64, pairs + ["--held-out", "0.7"], "held_out"))
        #expect(!folder.contents.contains { $0.hasPrefix("out") }, "\(folder.contents)")
        #expect(
            try run("eval", "sizes", "scored.tsv", "--model", "model", "--layers", "3").failed(64, "3", "2"))
        #expect(
            try run("eval", "sizes", "scored.tsv", "--model", "model", "--dims", "0").failed(64, "0", "16"))
        #expect(try run("eval", "sizes", "nowhere", "--model", "model").failed(2, "nowhere"))
        #expect(
            try run("eval", "sizes", "scored.tsv", "--model", "model", "--report", "x.pdf").status == 64)
    }
}
