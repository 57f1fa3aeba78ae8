import Foundation
import KuklaNumerics
import KuklaTables
import KuklaTestSupport
import Testing

/// Files of a model that were damaged: an error or another answer, never a crash.
@Suite struct VocabularyFileTests {
    @Test func `a damaged vocabulary or model is an error, or its values are unknown`() throws {
        let folder = try TemporaryFolder()
        let text = "y,a\n" + (0..<200).map { "\($0 % 2),v\($0 % 17)\n" }.joined()
        let set = try ExampleSet(
            [.init(try folder.file("rows.csv", text))], schema: DataSchema(yaml: "label: y\ncategorical: [a]")
        )
        let table = try TableConfiguration(parsing: "dense").make(for: set.tableSchema(width: 4), seed: 1)
        let configuration = CTRConfiguration(.wdl, hidden: [4])
        let network = try configuration.make(CTRShape(set.schema, widths: table.widths), seed: 1)
        let trained = try TableTrainer(
            set, table: table, network: network, options: TrainerOptions(batchSize: 64, epochs: 1)
        ).run()
        let model = folder.url.appending(path: "model")
        try ClickModelFolder.save(trained, network: configuration, set: set, to: model)
        for name in ["vocabulary.safetensors", "model.safetensors", "config.json", "schema.json"] {
            let file = model.appending(path: name)
            let whole = try Data(contentsOf: file)
            var random = RandomSource(seed: 3)
            for round in 0..<60 {
                var bytes = whole
                if round % 3 == 0 {
                    bytes = bytes.prefix(Int.random(in: 0..<bytes.count, using: &random))
                } else {
                    for _ in 0..<3 {
                        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
                            in: 0...255, using: &random)
                    }
                }
                try bytes.write(to: file)
                do throws(KuklaError) {
                    _ = try TablePredictor(model).probability(["a": "v3"])
                } catch {
                    #expect(!error.message.isEmpty)
                }
            }
            try whole.write(to: file)
        }
        #expect(throws: Never.self) { try TablePredictor(model).probability(["a": "v3"]) }
    }
}
