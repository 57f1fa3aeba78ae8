import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTestSupport
import Testing

/// `kukla mine` and `kukla train instruct`, from files to a folder that embeds.
@Suite struct InstructCommandTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try TinyModel.write(to: folder.url.appending(path: "model"))
        let sentences = TinyModel.sentences(360)
        try write((0..<120).map { "\(sentences[$0])\t\(sentences[$0 + 180])" }, "pairs.tsv")
        try FileManager.default.createDirectory(
            at: folder.url.appending(path: "beir/qrels"), withIntermediateDirectories: true)
        try write(
            (0..<60).map { "{\"_id\": \"d\($0)\", \"text\": \"\(sentences[$0])\"}" }, "beir/corpus.jsonl")
        try write(
            (0..<20).map { "{\"_id\": \"q\($0)\", \"text\": \"\(sentences[$0 + 180])\"}" },
            "beir/queries.jsonl")
        try write(
            ["query-id\tcorpus-id\tscore"]
                + (0..<20).flatMap { ["q\($0)\td\($0)\t1", "q\($0)\td\($0 + 1)\t1"] },
            "beir/qrels/train.tsv")
    }

    private func write(_ lines: [String], _ name: String) throws {
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: folder.url.appending(path: name))
    }

    private func sentences(_ count: Int) -> [String] { TinyModel.sentences(count) }

    private func run(_ arguments: String...) throws -> Command { try Command.run(arguments, in: folder.url) }

    private func vectors(_ texts: [String], _ more: String...) throws -> Matrix {
        try write(texts, "texts.txt")
        let done = try Command.run(
            ["embed", "texts.txt", "--model", "out", "-o", "v.npy"] + more, in: folder.url)
        #expect(done.status == 0, "\(done.errors)")
        return try VectorFile.readAll(folder.url.appending(path: "v.npy"))
    }

    @Test func `negatives are mined, trained on in two stages, and the folder reads instructions`() throws {
        let mined = try run(
            "mine", "--beir", "beir", "--model", "model", "--negatives", "2", "--rule", "top-k", "--task",
            "find it", "-o", "one.jsonl", "--json")
        #expect(mined.status == 0, "\(mined.errors)")
        let summary = try #require(
            try JSONSerialization.jsonObject(with: Data(mined.output.utf8)) as? [String: Any])
        #expect(summary["kept"] as? Int == 40 && summary["questions"] as? Int == 20)
        #expect(summary["dropped_by_rule"] as? Int == 0 && summary["answers_avoided"] is Int)
        let tuples = try TextTuples.readAll(folder.url.appending(path: "one.jsonl"))
        #expect(tuples.width == 4 && tuples.tasks.allSatisfy { $0 == .init("find it") })
        // No known answer is a negative.
        for row in tuples.rows { #expect(!row.dropFirst(2).contains(row[1])) }
        let pairs = try run(
            "mine", "--pairs", "pairs.tsv", "--model", "model", "--negatives", "2", "--rule", "margin",
            "--margin",
            "0", "-o", "two.jsonl", "--json")
        #expect(pairs.status == 0, "\(pairs.errors)")
        #expect(
            try run(
                "train", "contrastive", "--model", "model", "--pairs", "two.jsonl", "-o", "plain",
                "--batch-size",
                "16", "--steps", "2"
            ).status == 0)
        let trained = try run(
            "train", "instruct", "--model", "model", "--stage1", "pairs.tsv", "--stage2", "one.jsonl",
            "--task",
            "match", "--pooling", "latent:8x2", "--mask", "causal", "--batch-size", "8", "--epochs", "2",
            "--eval", "pairs.tsv", "--eval-task", "match", "-o", "out", "--json")
        #expect(trained.status == 0, "\(trained.errors)")
        let report = try #require(
            try JSONSerialization.jsonObject(with: Data(trained.output.utf8)) as? [String: Any])
        #expect(
            (report["stages"] as? [[String: Any]])?.map { $0["name"] as? String } == ["stage1", "stage2"])
        let settings = try String(
            contentsOf: folder.url.appending(path: "out/config_sentence_transformers.json"), encoding: .utf8)
        #expect(settings.contains("\"find it\"") && settings.contains("instruction_template"))
        let texts = Array(TinyModel.sentences(5))
        let (bare, asked, named) = (
            try vectors(texts), try vectors(texts, "--instruction", "find it"),
            try vectors(texts, "--instruction", "")
        )
        #expect(bare == named && bare != asked)
        // What the template makes of a task is what the folder calls by its name.
        #expect(
            try run(
                "eval", "retrieval", "beir", "--split", "train", "--model", "out", "--instruction", "find it"
            ).status == 0)
        #expect(try run("eval", "sts", "--help").output.contains("--instruction"))
        // Questions alone are asked of: an instruction changes what pairs find, and what each size is worth.
        func figures(_ more: String...) throws -> String {
            let done = try Command.run(["eval"] + more + ["--model", "out", "--json"], in: folder.url)
            #expect(done.status == 0, "\(done.errors)")
            return done.output
        }
        try write(
            (0..<60).map { "\(sentences(360)[$0])\t\(sentences(360)[$0 + 60])\t\($0 % 6)" }, "scored.tsv")
        func sizes(_ more: String...) throws -> [Double] {
            let done = try Command.run(
                ["eval", "sizes", "scored.tsv", "--model", "out", "--dims", "16", "--json"] + more,
                in: folder.url)
            let report = try #require(
                try JSONSerialization.jsonObject(with: Data(done.output.utf8)) as? [String: Any])
            return (report["sizes"] as? [[String: Any]] ?? []).compactMap { $0["quality"] as? Double }
        }
        #expect(
            try figures("pairs", "pairs.tsv") != figures("pairs", "pairs.tsv", "--instruction", "find it"))
        #expect(
            try figures("pairs", "pairs.tsv") == figures("pairs", "pairs.tsv", "--instruction", ""))
        #expect(try sizes().count == 2)
        #expect(try sizes() == sizes("--instruction", "") && sizes() != sizes("--instruction", "find it"))
    }

    @Test func `bad input is refused in a sentence`() throws {
        #expect(try run("mine", "-o", "x.jsonl").status == 64)
        #expect(try run("mine", "--beir", "beir", "--pairs", "pairs.tsv", "-o", "x.jsonl").status == 64)
        #expect(
            try run("mine", "--pairs", "pairs.tsv", "--model", "model", "-o", "x.tsv").failed(64, ".jsonl"))
        #expect(
            try run("mine", "--pairs", "pairs.tsv", "--model", "model", "--negatives", "500", "-o", "x.jsonl")
                .failed(2, "500 negatives"))
        #expect(
            try run("mine", "--pairs", "none.tsv", "--model", "model", "-o", "x.jsonl").failed(2, "none.tsv"))
        func instruct(_ more: String...) throws -> Command {
            try Command.run(
                ["train", "instruct", "--model", "model", "--stage1", "pairs.tsv", "-o", "out"] + more,
                in: folder.url)
        }
        #expect(try instruct("--template", "Query: {text}").failed(64, "{task}"))
        #expect(try instruct("--pooling", "median").failed(64, "median", "latent:512x8"))
        #expect(try instruct("--mask", "none").failed(64, "bidirectional"))
        #expect(try instruct("--stage2", "pairs.tsv").failed(64, "negatives of its own"))
        #expect(try instruct("--task", String(repeating: "the wall ", count: 20)).failed(64, "tokens"))
        #expect(try run("train", "instruct", "-o", "out").status == 64)
        #expect(folder.contents == ["beir", "model", "pairs.tsv"])
    }
}
