import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTestSupport
import Testing

/// `kukla train` on a tiny model and tiny files: what it writes, what it refuses, and how it goes on after a kill.
@Suite struct TrainCommandTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try TinyModel.write(to: folder.url.appending(path: "model"))
        let sentences = TinyModel.sentences(400)
        // A sentence belongs to the one with the same words but the last.
        try write((0..<180).map { "\(sentences[$0])\t\(sentences[$0 + 180])" }, "pairs.tsv")
        try write(
            (0..<120).map { i in
                let j = (i * 11 + 5) % 180
                let score = 5 - Double(abs(i % 6 - j % 6)) * 0.8
                return "\(sentences[i])\t\(sentences[j])\t\(score)"
            }, "scored.tsv")
    }

    private func write(_ lines: [String], _ name: String) throws {
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: folder.url.appending(path: name))
    }

    private func run(_ arguments: String...) throws -> Command { try Command.run(arguments, in: folder.url) }

    /// The losses of a run's log by step.
    private func losses(_ run: String) throws -> [Int: Double] {
        let log = try String(contentsOf: folder.url.appending(path: "\(run)/metrics.jsonl"), encoding: .utf8)
        var found: [Int: Double] = [:]
        for line in log.split(separator: "\n") {
            guard let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
                let step = object["step"] as? Int, let loss = object["loss"] as? Double
            else { continue }
            found[step] = loss
        }
        return found
    }

    @Test func `binary codes are trained from vectors, and a second codec to search the first one's codes`()
        throws
    {
        var random = RandomSource(seed: 3)
        let centres = (0..<10 * 16).map { _ in random.normal() }
        let vectors = Matrix(rows: 1000, columns: 16) { out in
            for i in out.indices { out[i] = centres[i / 16 % 10 * 16 + i % 16] + 0.7 * random.normal() }
        }
        let writer = try NPYWriter(folder.url.appending(path: "v.npy"), dimensions: 16)
        try writer.append(vectors)
        try writer.commit()
        let settings = ["--held-out", "100", "--batch-size", "100", "--epochs", "10", "--json"]
        func report(_ more: [String]) throws -> [String: Any] {
            let done = try Command.run(["train", "binary", "v.npy"] + more + settings, in: folder.url)
            #expect(done.status == 0, "\(done.errors)")
            return try #require(
                try JSONSerialization.jsonObject(with: Data(done.output.utf8)) as? [String: Any])
        }
        let first = try report(["--code", "RBE16x2", "-o", "first.safetensors"])
        #expect(first["code"] as? String == "RBE16x2" && first["bytes_per_vector"] as? Double == 6)
        #expect(first["steps"] as? Int == 90 && (first["after"] as? [String: Double])?["recall_at_10"] != nil)
        let file = try SafetensorsFile(folder.url.appending(path: "first.safetensors"))
        #expect(file.metadata["configuration"] == "RBE16x2" && file.metadata["metric"] == "cosine")
        #expect(try run("index", "v.npy", "--codec", "first.safetensors", "-o", "c.kukla").status == 0)
        let info = try run("info", "c.kukla", "--json").output
        #expect(info.contains("RBE16x2"))
        #expect(try run("search", "c.kukla", "--vectors", "v.npy", "-k", "2").status == 0)
        #expect(
            try run("index", "v.npy", "--codec", "first.safetensors", "--factory", "RBE16x3", "-o", "d.kukla")
                .failed(
                    64, "RBE16x3", "RBE16x2"))
        let second = try report([
            "--code", "RBE20x3", "--compatible-with", "first.safetensors", "-o", "second.safetensors",
        ])
        #expect(((second["after"] as? [String: Double])?["old_recall_at_10"] ?? 0) > 0.3)
        // What the first codec stored is found by queries of the second, and by those of no other.
        func hits(_ arguments: String...) throws -> [[String: Any]] {
            let found = try Command.run(
                ["search", "c.kukla", "--vectors", "v.npy", "-k", "10", "--json"] + arguments, in: folder.url)
            #expect(found.status == 0, "\(found.errors)")
            let json = try JSONSerialization.jsonObject(with: Data(found.output.utf8)) as? [String: Any]
            return try #require(json?["answers"] as? [[String: Any]])
        }
        func itself(_ answers: [[String: Any]]) -> Int {
            answers.count { answer in
                (answer["hits"] as? [[String: Any]])?.contains {
                    $0["id"] as? String == "\(answer["row"] ?? "")"
                } ?? false
            }
        }
        #expect(itself(try hits()) > 900)
        #expect(itself(try hits("--query-codec", "second.safetensors")) > 600)
        for (collection, factory) in [("e.kukla", "RBE16x2"), ("f.kukla", "HNSW8,RBE16x2")] {
            #expect(
                try run("index", "v.npy", "--factory", factory, "--seed", "5", "-o", collection).status == 0)
        }
        for (collection, codec, words) in [
            ("c.kukla", "first.safetensors", "no other codec"), ("e.kukla", "second.safetensors", "RBE16x2:"),
            ("f.kukla", "second.safetensors", "graph"),
        ] {
            let refused = try run("search", collection, "--vectors", "v.npy", "--query-codec", codec)
            #expect(refused.failed(64, words))
        }
        for bad in [["--loss", "contrastive"], ["--code", "SQ8"], ["--older-vectors", "v.npy"]] {
            let refused = try Command.run(
                ["train", "binary", "v.npy", "-o", "third.safetensors"] + bad, in: folder.url)
            #expect(refused.status == 64, "\(refused.errors)")
        }
    }

    @Test func `contrastive training lowers the loss, and the model that it writes embeds`() throws {
        try write(["log_every: 1"], "recipe.yaml")
        let done = try run(
            "train", "contrastive", "--model", "model", "--pairs", "pairs.tsv", "-o", "tuned", "--recipe",
            "recipe.yaml",
            "--epochs", "6", "--batch-size", "20", "--learning-rate", "0.003", "--symmetric", "--eval",
            "pairs.tsv", "--json")
        #expect(done.status == 0, "\(done.errors)")
        let losses = try losses("tuned.run")
        #expect((losses[54] ?? 9) < 0.8 * (losses[1] ?? 0))
        let report = try #require(
            try JSONSerialization.jsonObject(with: Data(done.output.utf8)) as? [String: Any])
        #expect(report["steps"] as? Int == 54)
        let (before, after) = (report["before"] as? [String: Double], report["after"] as? [String: Double])
        #expect((after?["recall_at_1"] ?? 0) > (before?["recall_at_1"] ?? 1))
        for name in [
            "config.json", "modules.json", "1_Pooling/config.json", "vocab.txt", "README.md",
            "model.safetensors",
        ] {
            #expect(
                FileManager.default.fileExists(atPath: folder.url.appending(path: "tuned/\(name)").path),
                "\(name)")
        }
        // BERT's pooler is nothing to us, but Hugging Face asks for it.
        let weights = try SafetensorsFile(folder.url.appending(path: "tuned/model.safetensors"))
        #expect(weights["pooler.dense.weight"] != nil && weights.tensors.count == 5 + 2 * 16 + 2)
        let judged = try run("eval", "pairs", "pairs.tsv", "--model", "tuned", "--json")
        let figures = try #require(
            try JSONSerialization.jsonObject(with: Data(judged.output.utf8)) as? [String: Any])
        let again = try #require(figures["recall_at1"] as? Double)
        #expect(abs(again - (after?["recall_at_1"] ?? 0)) < 0.012)
        try write(TinyModel.sentences(3), "texts.txt")
        #expect(try run("embed", "texts.txt", "--model", "tuned", "-o", "v.npy").status == 0)
        #expect(!folder.contents.contains { $0.hasSuffix(".tmp") || $0.hasSuffix(".aside") })
    }

    @Test func `a late-interaction layer is trained, goes on where it stopped, and searches`() throws {
        try write(["log_every: 1"], "recipe.yaml")
        func train(_ name: String, _ steps: Int, _ more: String...) throws -> [String: Any] {
            let done = try Command.run(
                [
                    "train", "late-interaction", "--model", "model", "--pairs", "pairs.tsv", "-o", name,
                    "--recipe", "recipe.yaml", "--dimensions", "8", "--steps", "\(steps)", "--batch-size",
                    "20", "--learning-rate", "0.01", "--schedule", "constant", "--warmup", "0", "--eval",
                    "pairs.tsv", "--json",
                ] + more, in: folder.url)
            #expect(done.status == 0, "\(done.errors)")
            return try #require(
                try JSONSerialization.jsonObject(with: Data(done.output.utf8)) as? [String: Any])
        }
        let report = try train("whole", 60)
        let losses = try losses("whole.run")
        func mean(_ steps: ClosedRange<Int>) -> Double {
            steps.reduce(0) { $0 + (losses[$1] ?? .nan) } / Double(steps.count)
        }
        #expect(mean(51...60) < 0.93 * mean(1...10), "\(losses)")
        let (before, after) = (report["before"] as? [String: Double], report["after"] as? [String: Double])
        #expect((after?["mrr_at_10"] ?? 0) > (before?["mrr_at_10"] ?? 1))
        // The same in two parts.
        _ = try train("parts", 25)
        _ = try train("parts", 60, "--resume")
        let head = "1_Dense/model.safetensors"
        func bytes(_ name: String) throws -> Data { try Data(contentsOf: folder.url.appending(path: name)) }
        #expect(try bytes("whole/\(head)") == bytes("parts/\(head)"))
        #expect(try bytes("whole/model.safetensors") == bytes("model/model.safetensors"))

        let sentences = TinyModel.sentences(180)
        try write(sentences, "texts.txt")
        let embedded = try run(
            "embed", "texts.txt", "--model", "whole", "--multi-vector", "-o", "t.npy", "--json")
        let figures = try #require(
            try JSONSerialization.jsonObject(with: Data(embedded.output.utf8)) as? [String: Any])
        #expect(figures["dimensions"] as? Int == 8)
        // [CLS] and [SEP] count, as in ColBERT.
        let words = sentences.reduce(0) { $0 + $1.split(separator: " ").count }
        #expect(figures["vectors"] as? Int == words + 2 * sentences.count)
        #expect(
            try run("embed", "texts.txt", "--model", "whole", "-o", "v.npy").failed(2, "--multi-vector"))
        #expect(
            try run(
                "index", "t.npy", "--multi-vector", "--factory", "FDE4x2,Flat", "--texts", "texts.txt",
                "--model", "whole", "-o", "t.kukla"
            ).status == 0)
        let found = try run("search", "t.kukla", sentences[7], "-k", "1", "--model", "whole")
        #expect(found.status == 0 && found.output.contains(sentences[7]), "\(found.output)\(found.errors)")
        #expect(
            try run(
                "train", "late-interaction", "--model", "model", "--pairs", "pairs.tsv", "-o", "wide",
                "--dimensions", "17", "--batch-size", "20"
            ).failed(64, "17", "16"))
        #expect(
            try run("train", "contrastive", "--model", "whole", "--pairs", "pairs.tsv", "-o", "more").failed(
                2, "every token"))
    }

    @Test(arguments: ["cosent", "angle", "cosine"])
    func `scores are learned with every loss`(_ loss: String) throws {
        let done = try run(
            "train", "cosine", "--model", "model", "--pairs", "scored.tsv", "-o", "tuned", "--loss", loss,
            "--epochs", "8",
            "--learning-rate", "0.003", "--dropout", "0", "--eval", "scored.tsv", "--json")
        #expect(done.status == 0, "\(done.errors)")
        let report = try #require(
            try JSONSerialization.jsonObject(with: Data(done.output.utf8)) as? [String: Any])
        let (before, after) = (report["before"] as? [String: Double], report["after"] as? [String: Double])
        #expect((after?["spearman"] ?? 0) > (before?["spearman"] ?? 1) + 0.02, "\(done.output)")
    }

    @Test func `pieces of a batch give the losses of the whole batch`() throws {
        try write(["log_every: 1"], "recipe.yaml")
        for (name, flags) in [("whole", []), ("pieces", ["--micro-batch", "7"])] {
            let arguments = [
                "train", "contrastive", "--model", "model", "--pairs", "pairs.tsv", "-o", name, "--recipe",
                "recipe.yaml",
                "--steps", "6", "--batch-size", "20", "--learning-rate", "0.003", "--dropout", "0", "-q",
            ]
            let done = try Command.run(arguments + flags, in: folder.url)
            #expect(done.status == 0, "\(done.errors)")
        }
        let (whole, pieces) = (try losses("whole.run"), try losses("pieces.run"))
        #expect(whole.count == 6 && pieces.count == 6)
        for (step, loss) in whole { #expect(abs(loss - (pieces[step] ?? 0)) < 1e-4, "step \(step)") }
    }

    @Test func `adapters are trained, the rest stays, and the result is an ordinary model`() throws {
        let done = try run(
            "train", "contrastive", "--model", "model", "--pairs", "pairs.tsv", "-o", "tuned", "--epochs",
            "2",
            "--batch-size", "20", "--learning-rate", "0.01", "--lora", "2", "-q")
        #expect(done.status == 0, "\(done.errors)")
        let old = try SafetensorsFile(folder.url.appending(path: "model/model.safetensors"))
        let new = try SafetensorsFile(folder.url.appending(path: "tuned/model.safetensors"))
        #expect(Set(old.tensors.map(\.name)) == Set(new.tensors.map(\.name)))
        let changed = try new.tensors.map(\.name).filter {
            try old.floats(named: $0) != new.floats(named: $0)
        }
        #expect(
            Set(changed)
                == Set(
                    (0..<2).flatMap { layer in
                        ["query", "value"].map { "encoder.layer.\(layer).attention.self.\($0).weight" }
                    }))
    }

    @Test func `a run that is killed goes on and gives the same losses`() throws {
        try write(["log_every: 1"], "recipe.yaml")
        func arguments(_ name: String) -> [String] {
            [
                "train", "contrastive", "--model", "model", "--pairs", "pairs.tsv", "-o", name, "--recipe",
                "recipe.yaml",
                "--epochs", "40", "--batch-size", "20", "--learning-rate", "0.001", "--checkpoint-every", "7",
                "-q",
            ]
        }
        #expect(try Command.run(arguments("whole"), in: folder.url).status == 0)
        let process = Process()
        process.executableURL = Command.executable
        process.arguments = arguments("killed")
        process.currentDirectoryURL = folder.url
        process.standardError = FileHandle.nullDevice
        try process.run()
        let checkpoint = folder.url.appending(path: "killed.run/checkpoints/step-00000021")
        let end = Date.now.addingTimeInterval(60)
        while process.isRunning && !FileManager.default.fileExists(atPath: checkpoint.path) && Date.now < end
        { usleep(2000) }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        #expect(!folder.contents.contains("killed"))
        let resumed = try Command.run(arguments("killed") + ["--resume"], in: folder.url)
        #expect(resumed.status == 0, "\(resumed.errors)")
        #expect(try losses("killed.run") == losses("whole.run"))
        #expect(
            try Data(contentsOf: folder.url.appending(path: "killed/model.safetensors"))
                == Data(contentsOf: folder.url.appending(path: "whole/model.safetensors")))
    }

    @Test func `averages of the weights and rates that fall with depth are what is asked for`() throws {
        let common = [
            "train", "contrastive", "--model", "model", "--pairs", "pairs.tsv", "--steps", "6",
            "--batch-size",
            "20", "--learning-rate", "0.003", "--dropout", "0", "-q",
        ]
        func weights(_ name: String, _ flags: String...) throws -> SafetensorsFile {
            let done = try Command.run(common + ["-o", name] + flags, in: folder.url)
            #expect(done.status == 0, "\(done.errors)")
            return try SafetensorsFile(folder.url.appending(path: "\(name)/model.safetensors"))
        }
        let plain = try weights("plain")
        let averaged = try weights("averaged", "--ema", "0.9")
        let kept = try SafetensorsFile(
            folder.url.appending(path: "averaged.run/checkpoints/step-00000006/ema.safetensors"))
        let name = "encoder.layer.0.attention.self.query.weight"
        let average = try #require(kept.tensors.first { $0.name.hasSuffix(name) }).name
        #expect(try averaged.floats(named: name) == kept.floats(named: average))
        #expect(try averaged.floats(named: name) != plain.floats(named: name))
        // Adam takes steps as long as the rate: a hundredth of it moves the lower layer a hundredth as far.
        let decayed = try weights("decayed", "--layer-decay", "0.01")
        let start = try SafetensorsFile(folder.url.appending(path: "model/model.safetensors"))
        func change(_ file: SafetensorsFile, _ layer: Int) throws -> Float {
            let path = "encoder.layer.\(layer).output.dense.weight"
            return zip(try file.floats(named: path), try start.floats(named: path)).map {
                abs($0 - $1)
            }.max() ?? 0
        }
        #expect(try change(decayed, 1) > 0.5 * change(plain, 1))
        #expect(try change(decayed, 0) < 0.05 * change(plain, 0))
    }

    @Test func `a file with scores of which one is broken is not judged as pairs without`() throws {
        try write(["one\tother\t3", "other\tone\tmuch"], "broken.tsv")
        let done = try run(
            "train", "contrastive", "--model", "model", "--pairs", "pairs.tsv", "-o", "out", "--eval",
            "broken.tsv")
        #expect(done.failed(2, "broken.tsv", "line 2", "much"), "\(done.errors)")
        #expect(!folder.contents.contains { $0.hasPrefix("out") })
    }

    @Test func `an interrupt finishes the step, saves and says how to go on`() throws {
        try write(["log_every: 1"], "recipe.yaml")
        let arguments = [
            "train", "contrastive", "--model", "model", "--pairs", "pairs.tsv", "-o", "out", "--recipe",
            "recipe.yaml", "--epochs", "100", "--batch-size", "20", "--learning-rate", "0.001", "-q",
        ]
        let process = Process()
        process.executableURL = Command.executable
        process.arguments = arguments
        process.currentDirectoryURL = folder.url
        let errors = Pipe()
        process.standardError = errors
        try process.run()
        let log = folder.url.appending(path: "out.run/metrics.jsonl")
        let end = Date.now.addingTimeInterval(60)
        while process.isRunning && (try? Data(contentsOf: log))?.isEmpty ?? true && Date.now < end {
            usleep(2000)
        }
        kill(process.processIdentifier, SIGINT)
        process.waitUntilExit()
        let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        #expect(process.terminationStatus == 130 && said.contains("Give the same command again"), "\(said)")
        #expect(!folder.contents.contains("out"))
        let steps = try losses("out.run").keys.max() ?? 0
        #expect(steps > 0)
        let resumed = try Command.run(arguments + ["--resume", "--json"], in: folder.url)
        #expect(resumed.status == 0 && folder.contents.contains("out"), "\(resumed.errors)")
        #expect(try losses("out.run").count == losses("out.run").keys.max())
    }

    @Test func `bad input is told in a sentence, and nothing is written`() throws {
        func contrastive(_ pairs: String, _ more: String...) throws -> Command {
            try Command.run(
                [
                    "train", "contrastive", "--model", "model", "--pairs", pairs, "-o", "out", "--batch-size",
                    "20",
                ] + more,
                in: folder.url)
        }
        func cosine(_ pairs: String, _ more: String...) throws -> Command {
            try Command.run(
                ["train", "cosine", "--model", "model", "--pairs", pairs, "-o", "out"] + more, in: folder.url)
        }
        try write(["one\tother", "one"], "column.tsv")
        #expect(try contrastive("column.tsv").failed(2, "column.tsv", "line 2", "one column"))
        try write(["one\tother", "one\t "], "blank.tsv")
        #expect(try contrastive("blank.tsv").failed(2, "blank.tsv", "line 2", "empty"))
        try Data().write(to: folder.url.appending(path: "empty.tsv"))
        #expect(try contrastive("empty.tsv").failed(2, "empty.tsv", "no pairs"))
        #expect(try cosine("empty.tsv").failed(2, "empty.tsv"))
        #expect(try contrastive("nowhere.tsv").failed(2, "nowhere.tsv"))
        try write(["one\tother\t3", "other\tone\t5.5"], "range.tsv")
        #expect(try cosine("range.tsv").failed(2, "range.tsv", "line 2", "5.5", "0.0 to 5.0"))
        try write(["one\tother\t3", "other\tone\tmuch"], "word.tsv")
        #expect(try cosine("word.tsv").failed(2, "word.tsv", "much"))
        try write(["one\tother"], "few.tsv")
        #expect(try contrastive("few.tsv").failed(64, "1 pairs", "batches of 20"))
        #expect(try cosine("scored.tsv", "--batch-size", "500").failed(64, "120 pairs", "500"))
        #expect(try cosine("scored.tsv", "--loss", "hinge").failed(64, "hinge", "cosent, angle or cosine"))
        #expect(try contrastive("pairs.tsv", "--temperature", "0").failed(64, "temperature"))
        #expect(try contrastive("pairs.tsv", "--max-tokens", "400").failed(64, "400", "20"))
        #expect(
            try contrastive("pairs.tsv", "--epochs", "2", "--steps", "3").failed(64, "--epochs", "--steps"))
        #expect(try contrastive("pairs.tsv", "--resume").failed(64, "no run"))
        #expect(
            try run("train", "contrastive", "--model", "nomodel", "--pairs", "pairs.tsv", "-o", "out").failed(
                2, "nomodel"))
        #expect(
            try run("train", "contrastive", "--pairs", "pairs.tsv", "--model", "model", "-o", "no/out")
                .failed(2, "no"))
        try write(["temperatur: 0.1"], "wrong.yaml")
        #expect(try contrastive("pairs.tsv", "--recipe", "wrong.yaml").failed(64, "wrong.yaml", "temperatur"))
        #expect(!folder.contents.contains { $0.hasPrefix("out") })
        // A loss that is not a number ends the run; the model is not written.
        let blown = try contrastive(
            "pairs.tsv", "--learning-rate", "1e30", "--schedule", "constant", "--warmup", "0", "--epochs", "3"
        )
        #expect(blown.failed(2, "stopped at step"), "\(blown.errors)")
        #expect(!folder.contents.contains("out"))
    }
}
