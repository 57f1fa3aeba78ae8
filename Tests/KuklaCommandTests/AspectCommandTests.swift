import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTestSupport
import Testing

/// `kukla train aspects`, and the vectors of each aspect's space.
@Suite struct AspectCommandTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try TinyModel.write(to: folder.url.appending(path: "model"))
        let lines = TinyModel.sentences(180).enumerated().map { i, text in
            "{\"text\": \"\(text)\", \"labels\": {\"who\": \"\(TinyModel.subjects[i % 6])\", \"what\": \"\(TinyModel.verbs[i / 6 % 5])\"}}"
        }
        try Data(lines.joined(separator: "\n").utf8).write(to: folder.url.appending(path: "texts.jsonl"))
    }

    private func run(_ arguments: String...) throws -> Command { try Command.run(arguments, in: folder.url) }

    private func vectors(_ aspect: String, of model: String) throws -> Matrix {
        let command = try run(
            "embed", "texts.jsonl", "--model", model, "--aspect", aspect, "-o", "\(aspect).npy", "--quiet")
        #expect(command.status == 0, "\(command.errors)")
        return try VectorFile.readAll(folder.url.appending(path: "\(aspect).npy"))
    }

    @Test(arguments: ["siamese", "retrofit"])
    func `each aspect gets a space that is better for it, and unknown ones are named`(_ method: String) throws
    {
        let command = try run(
            "train", "aspects", "--documents", "texts.jsonl", "--model", "model", "-o", "spaces", "--recipe",
            method, "--pair-count", "300", "--epochs", "4", "--learning-rate", "0.01", "--batch-size", "16",
            "--held-out", "0.3", "--json")
        #expect(command.status == 0, "\(command.errors)")
        let report = try #require(
            try JSONSerialization.jsonObject(with: Data(command.output.utf8)) as? [String: Any])
        let aspects = try #require(report["aspects"] as? [[String: Any]])
        #expect(aspects.compactMap { $0["aspect"] as? String } == ["what", "who"])
        for aspect in aspects {
            let (before, after) = (
                aspect["before"] as? [String: Double], aspect["after"] as? [String: Double]
            )
            // Vectors of random weights are all but alike: a map behind them has little to tell texts by.
            if method == "siamese" {
                #expect((after?["map_at_25"] ?? 0) > (before?["map_at_25"] ?? 1) + 0.03)
            }
            #expect((aspect["bytes"] as? Int ?? 0) > 0)
        }
        let (who, what) = (try vectors("who", of: "spaces"), try vectors("what", of: "spaces"))
        #expect(who.rows == 180 && who.columns == 16)
        #expect(who != what)
        if method == "siamese" {
            // Rows 0 and 6 share who acts, 0 and 1 what is done.
            func cosine(_ m: Matrix, _ a: Int, _ b: Int) -> Float {
                zip(m.row(a), m.row(b)).reduce(0) { $0 + $1.0 * $1.1 }
            }
            #expect(cosine(who, 0, 6) > cosine(what, 0, 6))
            #expect(cosine(what, 0, 1) > cosine(who, 0, 1))
        }
        let unknown = try run(
            "embed", "texts.jsonl", "--model", "spaces", "--aspect", "why", "-o", "why.npy")
        #expect(unknown.status == 64 && unknown.errors.contains("what, who"))
        let none = try run("embed", "texts.jsonl", "--model", "spaces", "-o", "why.npy")
        #expect(none.status == 64 && none.errors.contains("--aspect"))
        let info = try run("info", "spaces", "--json")
        #expect(info.status == 0 && info.output.contains("\"who\"") && info.output.contains("dimensions"))
        #expect(
            try run("info", "spaces").output.contains("who  \(method == "siamese" ? "lora" : "retrofit")"))
        #expect(
            try run("index", "who.npy", "--factory", "F32", "--texts", "texts.jsonl", "-o", "who.kukla")
                .status
                == 0)
        let asked = ["search", "who.kukla", TinyModel.sentences(1)[0], "--model", "spaces"]
        let found = try Command.run(asked + ["--aspect", "who", "--json", "-k", "1"], in: folder.url)
        #expect(
            found.status == 0 && found.output.contains("\"id\" : \"0\""), "\(found.errors)\(found.output)")
        #expect(try Command.run(asked, in: folder.url).failed(64, "--aspect", "what, who"))
        #expect(
            try run("search", "who.kukla", "a", "--model", "model", "--aspect", "who").failed(
                64, "no aspects"))
        let plain = try run("embed", "texts.jsonl", "--model", "spaces/base", "-o", "plain.npy")
        #expect(plain.status == 0, "\(plain.errors)")
        let again = try run(
            "embed", "texts.jsonl", "--model", "model", "--aspect", "who", "-o", "why.npy")
        #expect(again.status == 64 && again.errors.contains("no aspects"))
    }

    @Test func `pairs of all aspects are read by name, and a run goes on`() throws {
        let texts = TinyModel.sentences(180)
        let pairs = (0..<150).map { "\(texts[$0])\t\(texts[$0 + 30])" }
        try Data(pairs.joined(separator: "\n").utf8).write(to: folder.url.appending(path: "same.tsv"))
        let arguments = [
            "train", "aspects", "--pairs", "same=same.tsv", "--model", "model", "-o", "spaces",
            "--batch-size", "16", "--quiet",
        ]
        #expect(try Command.run(arguments, in: folder.url).status == 0)
        let again = try Command.run(arguments + ["--epochs", "2", "--json"], in: folder.url)
        #expect(again.status == 0, "\(again.errors)")
        #expect(again.errors.contains("going on") || again.output.contains("\"steps\""))
        let judged = try run("eval", "pairs", "same.tsv", "--model", "spaces", "--aspect", "same", "--json")
        #expect(judged.status == 0 && judged.output.contains("recall_at1"), "\(judged.errors)")
        #expect(
            try run("eval", "pairs", "same.tsv", "--model", "spaces", "--aspect", "same", "--dims", "4")
                .failed(64, "--dims"))
        #expect(try run("eval", "sizes", "same.tsv", "--model", "spaces").failed(64, "spaces/base"))
        #expect(
            try run("fit", "--model", "spaces", "--corpus", "texts.jsonl", "--budget", "8B").failed(
                64, "spaces/base"))
        let wrong = try run("train", "aspects", "--pairs", "same.tsv", "--model", "model", "-o", "other")
        #expect(wrong.status == 64 && wrong.errors.contains("NAME=FILE"))
    }
}
