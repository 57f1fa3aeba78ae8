import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTestSupport
import Testing

/// `kukla merge`, on models that were really trained, if only for some steps.
@Suite struct MergeCommandTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try TinyModel.write(to: folder.url.appending(path: "base"))
        let sentences = TinyModel.sentences(400)
        try write((0..<60).map { "\(sentences[$0])\t\(sentences[$0 + 180])" }, "pairs.tsv")
        try write(
            (0..<60).map { i in
                let j = (i * 11 + 5) % 180
                return "\(sentences[i])\t\(sentences[j])\t\(5 - Double(abs(i % 6 - j % 6)) * 0.8)"
            }, "scored.tsv")
        for (recipe, data, name) in [
            ("contrastive", "pairs.tsv", "first"), ("cosine", "scored.tsv", "second"),
        ] {
            let done = try Command.run(
                [
                    "train", recipe, "--model", "base", "--pairs", data, "-o", name, "--batch-size", "20",
                    "--learning-rate", "0.003", "--steps", "6", "--dropout", "0", "-q",
                ], in: folder.url)
            #expect(done.status == 0, "\(done.errors)")
        }
    }

    private func write(_ lines: [String], _ name: String) throws {
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: folder.url.appending(path: name))
    }

    private func merge(_ arguments: String..., output: String = "merged") throws -> Command {
        try Command.run(["merge", "-o", output] + arguments, in: folder.url)
    }

    private func json(_ command: Command) throws -> [String: Any] {
        #expect(command.status == 0, "\(command.errors)")
        return try #require(
            try JSONSerialization.jsonObject(with: Data(command.output.utf8)) as? [String: Any])
    }

    /// The bits of all tensors by name.
    private func tensors(_ name: String) throws -> [String: [UInt32]] {
        let file = try SafetensorsFile(folder.url.appending(path: "\(name)/model.safetensors"))
        return try Dictionary(
            uniqueKeysWithValues: file.tensors.map {
                ($0.name, try file.floats(named: $0.name).map(\.bitPattern))
            })
    }

    @Test(arguments: ["average", "slerp"])
    func `one model is itself, and the base at lambda 0`(_ method: String) throws {
        let one = ["--base", "base", "--models", "first", "--method", method, "-q"]
        #expect(try Command.run(["merge", "-o", "one"] + one, in: folder.url).status == 0)
        #expect(try tensors("one") == tensors("first"))
        let none = try Command.run(["merge", "-o", "none", "--lambda", "0"] + one, in: folder.url)
        #expect(none.status == 0, "\(none.errors)")
        let (base, found) = (try tensors("base"), try tensors("none"))
        #expect(base == found)
    }

    @Test func `every method writes a model that embeds, and tells what it did`() throws {
        let models = ["--base", "base", "--models", "first", "second"]
        let probes = ["--probe", "pairs.tsv", "--probe", "scored.tsv", "--batch-size", "20"]
        for (method, more) in [
            ("average", ["--weights", "1,3"]), ("slerp", ["--lambda", "0.5"]), ("ties", ["--keep", "0.4"]),
            ("fisher", probes), ("regmean", probes + ["--shrinkage", "0.8"]),
            ("self-positioning", probes + ["--steps", "12"]),
        ] {
            let report = try json(
                Command.run(
                    ["merge", "--method", method, "-o", method, "--json"] + models + more, in: folder.url))
            #expect(report["method"] as? String == method && report["base"] as? String == "base")
            let parts = try #require(report["models"] as? [[String: Any]])
            #expect(parts.compactMap { $0["name"] as? String } == ["first", "second"])
            #expect(parts.allSatisfy { $0["norm"] as? Double ?? 0 > 0 && $0["weight"] as? Double ?? 0 > 0 })
            let angles = try #require(report["angles"] as? [[Double]])
            #expect(angles[0][1] > 0 && angles[0][1] == angles[1][0] && angles[0][0] == 0)
            #expect(report["merged_norm"] as? Double ?? 0 > 0)
            let rounds = try #require(report["probe"] as? [[String: Any]])
            #expect(rounds.count == (method == "self-positioning" ? 6 : 0))
            let card = try String(
                contentsOf: folder.url.appending(path: "\(method)/README.md"), encoding: .utf8)
            #expect(
                card.contains("Merged with Kukla") && card.contains("first") && card.contains("| second |"))
            let embedded = try Command.run(
                ["embed", "--model", method, "pairs.tsv", "-o", "\(method).npy", "-q"], in: folder.url)
            #expect(embedded.status == 0, "\(embedded.errors)")
        }
        let table = try merge("--base", "base", "--models", "first", "second")
        #expect(table.output.contains("angle to first") && table.output.contains("lambda 1"))
    }

    @Test func `without a base the models themselves are averaged`() throws {
        let done = try merge("--models", "first", "second", "--weights", "1,1")
        #expect(done.status == 0 && done.output.contains("from the origin"), "\(done.errors)")
        let name = "encoder.layer.0.output.dense.weight"
        let (a, b) = (try #require(tensors("first")[name]), try #require(tensors("second")[name]))
        let found = try #require(tensors("merged")[name])
        for i in found.indices {
            let mean = (Double(Float(bitPattern: a[i])) + Double(Float(bitPattern: b[i]))) / 2
            #expect(abs(Double(Float(bitPattern: found[i])) - mean) < 1e-6)
        }
        #expect(try merge("--models", "first", "second", "--method", "slerp", output: "round").status == 0)
        #expect(
            try merge("--models", "first", "second", "--method", "ties", output: "bad").failed(64, "--base"))
        #expect(
            try merge("--models", "first", "second", "--lambda", "2", output: "bad").failed(64, "--base"))
    }

    @Test func `what cannot be merged is told in a sentence, and nothing is written`() throws {
        func refused(_ status: Int32, _ arguments: [String], _ words: String...) throws -> Bool {
            let done = try Command.run(["merge", "-o", "out"] + arguments, in: folder.url)
            let isRight =
                done.status == status && done.output.isEmpty && words.allSatisfy(done.errors.contains)
            if !isRight { Issue.record("\(arguments): \(done.status), \(done.errors)") }
            return isRight
        }
        let pair = ["--base", "base", "--models", "first", "second"]
        try TinyModel.write(to: folder.url.appending(path: "wide"), inside: 32)
        #expect(
            try refused(
                2, ["--base", "base", "--models", "first", "wide"], "wide",
                "encoder.layer.0.intermediate.dense.weight", "[32, 16]", "[24, 16]"))
        try Command.run("export", "--model", "base", "--layers", "1", "-o", "short", in: folder.url)
        #expect(
            try refused(
                2, ["--models", "first", "short"], "short", "lacks", "encoder.layer.1.", "[16, 16]"))
        let other = folder.url.appending(path: "other")
        try FileManager.default.copyItem(at: folder.url.appending(path: "first"), to: other)
        var words = try String(contentsOf: other.appending(path: "vocab.txt"), encoding: .utf8)
            .split(separator: "\n")
        words.swapAt(7, 9)
        try Data((words.joined(separator: "\n") + "\n").utf8).write(to: other.appending(path: "vocab.txt"))
        #expect(
            try refused(2, ["--base", "base", "--models", "other"], "other", "token 7", "'\(words[9])'"))
        let search = pair + ["--method", "self-positioning"]
        #expect(
            try refused(2, search + ["--probe", "pairs.tsv", "--batch-size", "61"], "pairs.tsv", "60 rows"))
        #expect(try refused(2, search + ["--probe", "nowhere.tsv"], "nowhere.tsv"))
        #expect(try refused(64, search, "--probe"))
        #expect(try refused(64, search + ["--probe", "pairs.tsv", "--weights", "1,1"], "--weights"))
        #expect(try refused(64, pair + ["--probe", "pairs.tsv"], "--probe"))
        #expect(try refused(64, pair + ["--method", "blend"], "blend"))
        #expect(try refused(64, pair + ["--method", "regmean"], "--probe"))
        let regmean = pair + ["--method", "regmean", "--probe", "pairs.tsv", "--batch-size", "20"]
        #expect(try refused(64, regmean + ["--shrinkage", "1.5"], "1.5"))
        #expect(try refused(64, regmean + ["--lambda", "0.5"], "--lambda"))
        #expect(try refused(64, pair + ["--shrinkage", "0.5"], "--shrinkage"))
        #expect(try refused(64, pair + ["--weights", "1"], "2 models", "weights"))
        #expect(try refused(64, pair + ["--weights", "1,0"], "above 0"))
        #expect(try refused(64, pair + ["--method", "ties", "--keep", "1.5"], "1.5"))
        #expect(try refused(2, ["--base", "base", "--models", "nobody"], "nobody"))
        #expect(
            !folder.contents.contains { $0.hasPrefix("out") || $0.hasPrefix(".out") }, "\(folder.contents)")
        #expect(
            try Command.run(["merge", "-o", "first"] + pair, in: folder.url).failed(64, "first"))
        #expect(try Command.run(["merge", "-o", "nowhere/x"] + pair, in: folder.url).failed(2, "nowhere"))
    }
}
