import Foundation
import KuklaNumerics
import KuklaTestSupport
import Testing

/// `kukla train pretrain`, and what a person does with the model.
@Suite struct PretrainCommandTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try TinyModel.write(to: folder.url.appending(path: "model"))
        let sentences = TinyModel.sentences(300)
        try write(sentences, "corpus.txt")
        try write(sentences.map { "{\"text\": \"\($0)\"}" }, "corpus.jsonl")
        try write((0..<120).map { "\(sentences[$0])\t\(sentences[$0 + 180])" }, "pairs.tsv")
    }

    private func write(_ lines: [String], _ name: String) throws {
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: folder.url.appending(path: name))
    }

    private func pretrain(_ more: [String]) throws -> Command {
        try Command.run(
            ["train", "pretrain", "--model", "model", "-o", "out", "--batch-size", "20"] + more,
            in: folder.url)
    }

    private func json(_ command: Command) throws -> [String: Any] {
        #expect(command.status == 0, "\(command.errors)")
        return try #require(
            try JSONSerialization.jsonObject(with: Data(command.output.utf8)) as? [String: Any])
    }

    @Test(arguments: ["mlm", "smae", "dupmae"])
    func `each recipe learns, goes on where it stopped, and leaves a folder for all commands`(
        _ recipe: String
    ) throws {
        let arguments = [
            "--corpus", recipe == "mlm" ? "corpus.jsonl" : "corpus.txt", "--recipe", recipe,
            "--learning-rate", "0.003", "--dropout", "0", "--json",
        ]
        let first = try json(pretrain(arguments + ["--epochs", "1"]))
        let report = try json(pretrain(arguments + ["--epochs", "4", "--resume"]))
        let (steps, all) = (first["steps"] as? Int ?? 0, report["steps"] as? Int ?? 0)
        #expect(steps == 14 && all == 56)
        let (before, after) = (report["before"] as? [String: Double], report["after"] as? [String: Double])
        #expect(try #require(after?["loss"]) < 0.95 * (try #require(before?["loss"])))
        #expect(before?.count == ["mlm": 2, "smae": 3, "dupmae": 4][recipe])
        #expect(folder.contents.contains("out") && folder.contents.contains("out.run"))
        let files = try FileManager.default.contentsOfDirectory(
            atPath: folder.url.appending(path: "out").path)
        #expect(files.contains("pretraining.safetensors") && files.contains("README.md"))
        #expect(
            try Command.run("embed", "corpus.txt", "--model", "out", "-o", "v.npy", in: folder.url).status
                == 0)
        let tuned = try Command.run(
            "train", "contrastive", "--model", "out", "--pairs", "pairs.tsv", "--batch-size", "20", "--steps",
            "3", "-q", "-o", "tuned", in: folder.url)
        #expect(tuned.status == 0, "\(tuned.errors)")
        // Head and decoder are found again: the loss begins where it ended.
        let again = try json(
            Command.run(
                ["train", "pretrain", "--model", "out", "-o", "more", "--steps", "1", "--batch-size", "20"]
                    + arguments, in: folder.url))
        let loss = try #require((again["before"] as? [String: Double])?["loss"])
        #expect(abs(loss - (after?["loss"] ?? 0)) < 0.01 * loss)
    }

    @Test func `a new small model has the words of the corpus`() throws {
        let report = try json(
            pretrain([
                "--corpus", "corpus.txt", "--recipe", "smae", "--layers", "3", "--width", "24", "--heads",
                "2",
                "--max-tokens", "12", "--sizes", "1x6,2x12,3x24", "--steps", "2", "--json",
            ]))
        #expect(report["steps"] as? Int == 2 && report["examples"] as? Int == 285)
        let vectors = try Command.run(
            "embed", "corpus.txt", "--model", "out", "--dims", "6", "--layers", "1", "-o", "v.npy",
            in: folder.url)
        #expect(vectors.status == 0, "\(vectors.errors)")
        let cups = try Command.run(
            "train", "matryoshka", "--model", "out", "--pairs", "pairs.tsv", "--recipe", "starbucks",
            "--dims",
            "24,12,6", "--steps", "2", "--batch-size", "20", "-q", "-o", "cups", in: folder.url)
        #expect(cups.status == 0, "\(cups.errors)")
    }

    @Test func `bad input is told in a sentence, and nothing is written`() throws {
        try write(Array(TinyModel.sentences(15)), "short.txt")
        try write([""], "empty.txt")
        func refused(_ status: Int32, _ arguments: [String], _ words: String...) throws -> Bool {
            let done = try pretrain(arguments)
            let isRight =
                done.status == status && done.output.isEmpty && words.allSatisfy(done.errors.contains)
            if !isRight { Issue.record("\(arguments): \(done.status), \(done.errors)") }
            return isRight
        }
        let corpus = ["--corpus", "corpus.txt"]
        #expect(try refused(64, ["--corpus", "short.txt"], "15 texts", "batches of 20"))
        #expect(try refused(64, ["--corpus", "empty.txt"], "batches of 20"))
        #expect(try refused(2, ["--corpus", "nowhere.txt"], "nowhere.txt"))
        #expect(try refused(64, corpus + ["--recipe", "bert"], "bert", "mlm, smae, dupmae"))
        #expect(try refused(64, corpus + ["--encoder-mask", "1.5"], "encoder_mask", "0 to 1"))
        #expect(try refused(64, corpus + ["--decoder-mask", "1.2"], "decoder_mask"))
        #expect(try refused(64, corpus + ["--encoder-mask", "0"], "above 0"))
        #expect(
            try refused(64, corpus + ["--encoder-mask", "0.5", "--decoder-mask", "0.4"], "0.4", "0.5"))
        #expect(try refused(64, corpus + ["--bow-weight=-1"], "bow_weight"))
        let smae = corpus + ["--recipe", "smae"]
        #expect(try refused(64, smae + ["--sizes", "3x8"], "3x8", "2 layers", "16 dimensions"))
        #expect(try refused(64, smae + ["--sizes", "1x32"], "1x32"))
        #expect(try refused(64, smae + ["--sizes", "1x8,1x8"], "twice"))
        #expect(try refused(64, smae + ["--sizes", "8"], "'8'", "2x64"))
        #expect(try refused(64, corpus + ["--max-tokens", "40"], "40", "20"))
        #expect(try refused(64, corpus + ["--layers", "2", "--width", "16", "--heads", "3"], "3 heads"))
        #expect(try refused(64, corpus + ["--vocabulary", "200"], "--vocabulary"))
        #expect(!folder.contents.contains { $0.hasPrefix("out") }, "\(folder.contents)")
    }
}
