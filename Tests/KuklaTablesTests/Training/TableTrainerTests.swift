import Foundation
import KuklaNN
import KuklaNumerics
import KuklaTables
import KuklaTensor
import KuklaTestSupport
import Testing

@Suite struct TableTrainerTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Clicks that depend on whether a user's taste fits a film's kind; taste and kind must be learned.
    private func clicks(_ rows: Int = 4000) throws -> ExampleSet {
        var random = RandomSource(seed: 9)
        var text = "click,user,film,age,seen\n"
        for _ in 0..<rows {
            let (user, film) = (
                Int.random(in: 0..<40, using: &random), Int.random(in: 0..<30, using: &random)
            )
            let logit: Float = user % 3 == film % 3 ? 2 : -2
            let click = random.uniform() < 1 / (1 + exp(-logit)) ? 1 : 0
            text += "\(click),u\(user),f\(film),\(20 + user),f\(user % 3)|f\(user % 3 + 3)\n"
        }
        return try ExampleSet(
            [.init(try folder.file("clicks.csv", text))],
            schema: DataSchema(
                yaml: """
                    label: click
                    categorical: [user, film]
                    numeric: [age]
                    sequence: {seen: film}
                    user: user
                    """))
    }

    private func train(
        _ set: ExampleSet, _ kind: CTRConfiguration.Kind = .dlrm, table: String = "dense",
        options: TrainerOptions = TrainerOptions(
            learningRate: 1e-2, batchSize: 128, epochs: 6, checksPerEpoch: 2, patience: 4)
    ) throws -> TrainedClickModel {
        let table = try TableConfiguration(parsing: table).make(for: set.tableSchema(width: 8), seed: 1)
        let network = try CTRConfiguration(kind, hidden: [16]).make(
            CTRShape(set.schema, widths: table.widths), seed: 1)
        return try TableTrainer(set, table: table, network: network, options: options).run()
    }

    @Test(arguments: CTRConfiguration.Kind.allCases)
    func `every model learns what fits together`(_ kind: CTRConfiguration.Kind) throws {
        let report = try train(try clicks(), kind).report
        #expect(try #require(report.test?.auc) > 0.8, "\(kind)")
        #expect(try #require(report.test?.groupAUC) > 0.75)
        #expect(report.stages == ["train"] && report.tableBytes == report.denseBytes)
    }

    @Test func `a saved model gives the same probabilities, from a file and one by one`() throws {
        let set = try clicks(1000)
        let trained = try train(set, .din)
        let url = folder.url.appending(path: "model")
        try ClickModelFolder.save(trained, network: .init(.din, hidden: [16]), set: set, to: url)
        let predictor = try TablePredictor(url)
        #expect(predictor.model.schema == set.schema)
        var found: [Float] = []
        let summary = try predictor.score(folder.url.appending(path: "clicks.csv"), rowsAtATime: 300) {
            found += $0.logits
        }
        #expect(summary.examples == 1000 && found == trained.scorer.logits(set.store, Array(0..<1000)))
        let lines = try String(contentsOf: folder.url.appending(path: "clicks.csv"), encoding: .utf8)
            .split(separator: "\n")
        for row in [0, 17] {
            let cells = lines[row + 1].split(separator: ",").map(String.init)
            let probability = try predictor.probability(
                [
                    "user": .text(cells[1]), "film": .text(cells[2]), "age": .text(cells[3]),
                    "seen": .text(cells[4]),
                ])
            #expect(abs(probability - TablePredictor.probability(ofLogit: found[row])) < 1e-6)
        }
    }

    @Test func `values that training never saw are scored`() throws {
        let set = try clicks(500)
        let trained = try train(set)
        let url = folder.url.appending(path: "model")
        try ClickModelFolder.save(trained, network: .init(.dlrm, hidden: [16]), set: set, to: url)
        let predictor = try TablePredictor(url)
        let probability = try predictor.probability([
            "user": "nobody", "film": "none", "age": "", "seen": "x|y",
        ])
        #expect(probability > 0 && probability < 1)
        #expect(throws: KuklaError.self) { try predictor.probability(["age": "old"]) }
    }

    @Test func `one thread gives the same bits again, another seed others`() throws {
        let set = try clicks(1000)
        func weights(_ seed: UInt64) throws -> [Float] {
            try TensorThreads.limited(to: 1) {
                let options = TrainerOptions(batchSize: 128, epochs: 1, seed: seed)
                return try train(set, options: options).scorer.logits(set.store, Array(0..<50))
            }
        }
        #expect(try weights(1) == weights(1))
        #expect(try weights(1) != weights(2))
    }

    @Test func `labels of one class leave AUC undefined and stop nothing`() throws {
        let file = try folder.file("ones.csv", "y,a\n" + String(repeating: "1,x\n1,z\n", count: 60))
        let set = try ExampleSet([.init(file)], schema: DataSchema(yaml: "label: y\ncategorical: [a]"))
        let report = try train(set).report
        #expect(report.test?.auc == nil && report.test?.positives == report.test?.count)
        #expect(report.checks.allSatisfy { $0.auc == nil })
    }

    @Test func `the penalty of a batch is that of its different ids, each by how often training sees it`()
        throws
    {
        let schema = TableSchema(
            fields: [TableField(name: "a", count: 3)], width: 2, occurrences: [[4, 2, 1]])
        var regularizer = BatchAwareL2(strength: 0.5, schema: schema)
        let vectors = Tensor(shape: [3, 2], elements: [1, 2, 3, 4, 1, 2]).watched()
        let penalty = regularizer.penalty(vectors, ids: [0, 1, 0], fields: [0], widths: [2])
        #expect(abs(penalty.item - 0.25 * (5 / 4 + 25 / 2)) < 1e-6)
        // Summed over the look-ups of an id, the gradient is strength * w / n.
        let gradient = try #require(penalty.gradients()[vectors]).dense
        #expect(abs(gradient[0, 1] + gradient[2, 1] - 0.5 * 2 / 4) < 1e-6)
        #expect(abs(gradient[1, 0] - 0.5 * 3 / 2) < 1e-6)
    }

    @Test func `L2 over the whole table pulls every row to zero, in every step`() throws {
        let set = try clicks(300)
        func table(_ strength: Float) throws -> [Float] {
            var options = TrainerOptions(rule: .sgd, learningRate: 0.1, batchSize: 300, epochs: 1, seed: 1)
            options.wholeTableL2 = strength
            let table = try TableConfiguration(parsing: "dense").make(for: set.tableSchema(width: 4), seed: 1)
            let network = try CTRConfiguration(.wdl, hidden: [4]).make(
                CTRShape(set.schema, widths: table.widths), seed: 1)
            let before = table.parameterValues[0].value.elements
            let step = try TableTrainer(set, table: table, network: network, options: options).steps()
            _ = try step()
            return zip(before, table.parameterValues[0].value.elements).map { $1 - $0 }
        }
        let (free, held) = (try table(0), try table(0.5))
        let start = try TableConfiguration(parsing: "dense").make(for: set.tableSchema(width: 4), seed: 1)
            .parameterValues[0].value.elements
        for i in free.indices { #expect(abs(held[i] - (free[i] - 0.05 * start[i])) < 1e-5) }
        #expect(throws: KuklaError.self) {
            var options = TrainerOptions()
            options.wholeTableL2 = -1
            try options.check()
        }
    }

    @Test func `rows that no batch names stay bit for bit as they were`() throws {
        let set = try clicks(300)
        let table = try TableConfiguration(parsing: "dense").make(for: set.tableSchema(width: 8), seed: 1)
        let before = try table.served().dense(field: 0)
        let network = try CTRConfiguration(.dlrm, hidden: [16]).make(
            CTRShape(set.schema, widths: table.widths), seed: 1)
        let model = ClickNetwork(table: table, network: network)
        let batch = set.store.batch(Array(Int32(0)..<4))
        var regularizer = BatchAwareL2(strength: 0.1, schema: table.schema)
        let (logits, input) = model.forward(batch, mode: .training(RandomStream(seed: 1)))
        let loss =
            logits.binaryCrossEntropy(targets: batch.labels)
            + regularizer.penalty(input.vectors, ids: batch.ids, fields: [0, 1], widths: table.widths)
        var optimizer = Optimizer(Adam(), for: model)
        optimizer.update(loss.gradients(), learningRate: 0.1)
        let after = try table.served().dense(field: 0)
        let named = Set((0..<4).map { Int(batch.ids[2 * $0]) })
        for id in 0..<before.rows { #expect((before.row(id) == after.row(id)) == !named.contains(id)) }
    }
}
