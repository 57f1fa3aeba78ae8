import Foundation
import KuklaNN
import KuklaNumerics
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite struct MetricsLogTests {
    private func run(_ yaml: String, progress: HeardProgress = HeardProgress()) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let recipe = try ResumeTests.recipe("optimizer: sgd\nlearning_rate: 0.02\nbatch_size: 10\n" + yaml)
        _ = try TrainingRun(folder.url, recipe: recipe).train(ToyTask(), progress: progress)
        return folder
    }

    @Test func `every line is an object that says what it measured`() throws {
        let folder = try run("epochs: 4\nlog_every: 2\nclip_norm: 0.1")
        let url = folder.url.appending(path: "metrics.jsonl")
        let objects = try String(contentsOf: url, encoding: .utf8).split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        let training = objects.filter { $0["losses"] != nil }
        #expect(training.map { $0["step"] as? Int } == [2, 4, 6, 8, 10, 12, 14, 16, 18, 20])
        for line in training {
            for key in ["epoch", "loss", "learning_rate", "gradient_norm", "examples_per_second", "seconds"] {
                #expect((line[key] as? Double)?.isFinite == true, "\(key) of \(line)")
            }
            let losses = try #require(line["losses"] as? [String: Double])
            let loss = try #require(line["loss"] as? Double)
            #expect(losses.keys.sorted() == ["fit", "kl"])
            #expect(abs(loss - (losses["fit"]! + 0.01 * losses["kl"]!)) < 1e-9)
        }
        #expect(training.last?["epoch"] as? Double == 4)
        // Linear from its largest to 0, the rate of the last of 20 steps.
        #expect(abs((training.last?["learning_rate"] as? Double ?? 0) - 0.001) < 1e-8)
        let evaluations = objects.filter { $0["evaluation"] != nil }
        #expect(evaluations.map { $0["step"] as? Int } == [5, 10, 15, 20])
        #expect((evaluations[0]["evaluation"] as? [String: Double])?["error"] != nil)
        #expect(evaluations[0]["is_best"] as? Bool == true)
        #expect(try MetricsLog.lines(of: url).count == objects.count)
    }

    @Test func `the picture is well-formed and shows loss and goal`() throws {
        final class Reader: NSObject, XMLParserDelegate {
            var titles: [String] = []
            private var text: String?
            func parser(
                _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
                qualifiedName: String?, attributes: [String: String]
            ) { text = name == "text" ? "" : nil }
            func parser(_ parser: XMLParser, foundCharacters string: String) { text?.append(string) }
            func parser(
                _ parser: XMLParser, didEndElement name: String, namespaceURI: String?,
                qualifiedName: String?
            ) {
                if let text { titles.append(text) }
                text = nil
            }
        }
        let folder = try run("epochs: 4\nlog_every: 1")
        let reader = Reader()
        let parser = XMLParser(data: try Data(contentsOf: folder.url.appending(path: "loss.svg")))
        parser.delegate = reader
        #expect(parser.parse(), "\(String(describing: parser.parserError))")
        for title in ["loss", "smoothed", "step", "error", "error (min is best)"] {
            #expect(reader.titles.contains(title), "\(reader.titles)")
        }
    }

    @Test func `progress says how it stands and what happened`() throws {
        let progress = HeardProgress()
        let folder = try run("epochs: 2", progress: progress)
        #expect(progress.events.first == "begin training 10 steps")
        #expect(progress.events.last == "end")
        let shown = try #require(progress.events.first { $0.hasPrefix("show ") })
        for word in ["loss ", "fit ", "kl ", " examples/s"] { #expect(shown.contains(word), "\(shown)") }
        #expect(
            progress.events.contains {
                $0.hasPrefix("announce step 5: error ") && $0.hasSuffix("(best so far)")
            })

        let again = HeardProgress()
        let recipe = try ResumeTests.recipe(
            "optimizer: sgd\nlearning_rate: 0.02\nbatch_size: 10\nepochs: 3")
        _ = try TrainingRun(folder.url, recipe: recipe).train(ToyTask(), progress: again)
        #expect(again.events.contains("announce going on at step 10 of 15"))
    }
}
