import Foundation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaTables
import KuklaTensor
import KuklaTestSupport

/// A schema of a few fields, and examples in it whose labels depend on the ids.
enum TableFixtures {
    static let counts = [3, 60, 200, 1000]
    static let width = 8
    static let schema = schema(counts)

    /// Fields of so many ids, of which the first ones are seen most often.
    static func schema(_ counts: [Int], width: Int = width) -> TableSchema {
        TableSchema(
            fields: counts.enumerated().map { TableField(name: "field\($0)", count: $1) }, width: width,
            occurrences: counts.map { count in (0..<count).map { UInt32(1000 / ($0 + 1) + 1) } })
    }

    /// Rows of an id of each field, frequent ones more often, and labels.
    static func examples(
        _ rows: Int, of schema: TableSchema = schema, seed: UInt64
    ) -> (batch: IdBatch, labels: Tensor) {
        var random = RandomSource(seed: seed)
        var (ids, labels) = ([Int32](), [Float]())
        for _ in 0..<rows {
            var score: Float = 0
            for (f, field) in schema.fields.enumerated() {
                let u = random.uniform()
                let id = Int32(u * u * Float(field.count))
                ids.append(id)
                score += coin(UInt64(id) << 8 | UInt64(f)) ? 1 : -1
            }
            labels.append(score + 0.5 * random.normal() > 0 ? 1 : 0)
        }
        return (IdBatch(ids: ids, fields: Array(schema.fields.indices)), Tensor(labels))
    }

    /// Every id of every field once, a batch for each field.
    static func allIds(_ schema: TableSchema) -> [IdBatch] {
        schema.fields.enumerated().map { IdBatch(ids: (0..<Int32($1.count)).map { $0 }, fields: [$0]) }
    }
}

/// A table under a linear model, trained as the protocol says.
final class TinyTraining {
    private(set) var table: any EmbeddingTable
    private(set) var theta: Parameter
    private let initial: Tensor
    private let training: (batch: IdBatch, labels: Tensor)
    private let validation: (batch: IdBatch, labels: Tensor)
    private let batchSize: Int
    private let learningRate: Float
    /// The loss of each step.
    private(set) var losses: [Float] = []
    private(set) var stages: [String] = []
    private var random = RandomStream(seed: 5)

    init(_ table: any EmbeddingTable, batchSize: Int = 128, learningRate: Float = 0.02, examples: Int = 2048)
    {
        self.table = table
        self.batchSize = batchSize
        self.learningRate = learningRate
        training = TableFixtures.examples(examples, of: table.schema, seed: 1)
        validation = TableFixtures.examples(examples / 4, of: table.schema, seed: 2)
        var random = RandomSource(seed: 3)
        initial = Tensor.normal([table.widths.reduce(0, +), 1], using: &random)
        theta = Parameter(initial)
    }

    func loss(_ batch: IdBatch, _ labels: Tensor, mode: ForwardMode) -> Tensor {
        let logits = table.embed(batch, mode: mode).matmul(theta.tensor).reshaped([batch.rows])
        let loss = logits.binaryCrossEntropy(targets: labels)
        return table.takePenalty().map { loss + $0 } ?? loss
    }

    private func part(
        _ examples: (batch: IdBatch, labels: Tensor), _ step: Int
    ) -> (IdBatch, Tensor) {
        let (width, rows) = (examples.batch.fields.count, examples.batch.rows)
        let size = min(batchSize, rows)
        let start = step * size % (rows - size + 1)
        let ids = Array(examples.batch.ids[start * width..<(start + size) * width])
        return (
            IdBatch(ids: ids, fields: examples.batch.fields),
            Tensor(Array(examples.labels.elements[start..<start + size]))
        )
    }

    /// Gradients of one training step.
    func gradients(step: Int = 0) -> Gradients {
        let (batch, labels) = part(training, step)
        return loss(batch, labels, mode: .training(random)).gradients()
    }

    /// Runs every stage for so many steps.
    func run(steps: Int) throws {
        while true {
            try stage(steps: steps)
            let search = TableSearch(validationScore: { [self] () throws(KuklaError) in
                let (batch, labels) = validation
                let value = withoutGradient { loss(batch, labels, mode: .inference) }
                return Double(-value.item)
            })
            guard let next = try table.nextStage(search) else { return }
            table = next.table
            stages.append(next.name)
            if next.network == .initial { theta = Parameter(initial) }
        }
    }

    private func stage(steps: Int) throws {
        var optimizer = Optimizer(Adam(), [.init(TinyModel(table: table, theta: theta).trainableParameters)])
        for step in 1...steps {
            let (batch, labels) = part(training, step)
            let loss = loss(batch, labels, mode: .training(random))
            losses.append(loss.item)
            var gradients = loss.gradients()
            let context = TableTraining(
                step: step, learningRate: learningRate,
                gradientsAgain: { [self] () throws(KuklaError) in
                    self.loss(batch, labels, mode: .training(random)).gradients()
                },
                validationGradients: { [self] () throws(KuklaError) in
                    let (batch, labels) = part(validation, step)
                    return self.loss(batch, labels, mode: .training(random)).gradients()
                })
            try table.willUpdate(&gradients, context)
            optimizer.update(gradients, learningRate: learningRate)
            try table.didUpdate(context)
            if table.wantsNextStage { return }
        }
    }
}

private struct TinyModel: Module {
    let table: any EmbeddingTable
    let theta: Parameter

    func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("table", table)
        visitor.visit("theta", theta)
    }
}

extension ServedTable {
    /// Writes the table to a file in `folder` and loads it again.
    func saved(in folder: TemporaryFolder) throws -> (table: any ServedTable, file: URL) {
        let url = folder.url.appendingPathComponent("table.safetensors")
        var writer = SafetensorsWriter(metadata: metadata)
        add(to: &writer)
        try writer.write(to: url)
        return (try ServedTables.load(from: SafetensorsFile(url)), url)
    }
}

/// A coin for each number, always the same.
private func coin(_ number: UInt64) -> Bool {
    var random = RandomSource(seed: number)
    return random.uniform() < 0.5
}
