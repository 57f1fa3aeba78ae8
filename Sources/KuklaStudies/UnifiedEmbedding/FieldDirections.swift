import Foundation
import KuklaNN
import KuklaNumerics
import KuklaTables
import KuklaTensor

/// Whether training turns the weights of fields away from each other: logistic regression over shared rows, all fields' weights from one
/// direction.
struct FieldDirections {
    private let runs: MultiplexedRuns

    init(_ runs: MultiplexedRuns) { self.runs = runs }

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        var table = StudyTable(
            "Mean angle of two fields' weights, in degrees; from 0", columns: ["rows", "angle"])
        var angles: [Double] = []
        for rows in runs.bench.choose(quick: [runs.rows / 10], full: [1_400, 13_653, 27_000]) {
            let (mean, _) = try runs.bench.overSeeds { seed throws(KuklaError) in
                try angle(rows: rows, seed: seed)
            }
            angles.append(mean)
            table.rows.append([.count(rows), .number(mean, decimals: 1)])
        }
        findings.tables.append(table)
        findings.bars.append(
            StudyBar(
                "degrees between the weights of two fields after 10 epochs, at few rows", angles[0], .atLeast,
                45))
    }

    // Trains `sigmoid(sum of theta_f . e_f + b)` for some epochs.
    private func angle(rows: Int, seed: UInt64) throws(KuklaError) -> Double {
        let width = MultiplexedRuns.width
        let fields = runs.schema.fields.count
        let table = try TableConfiguration(parsing: "unified:rows=\(rows)").make(
            for: runs.schema, budget: nil, seed: seed)
        var random = RandomSource(seed: seed ^ 0xA)
        let direction = Tensor.normal([1, width], deviation: 1 / Float(width).squareRoot(), using: &random)
        let model = FieldWeights(
            table: table, theta: Parameter(direction.repeated(fields).reshaped([1, fields * width])),
            bias: Parameter(.zeros([1])))
        var optimizer = Optimizer(Adam(), for: model)
        let store = runs.set.store
        var order = store.rows(.training)
        for epoch in 1...runs.bench.choose(quick: 1, full: 10) {
            runs.bench.progress.announce("angles at \(rows) rows, epoch \(epoch)")
            order.shuffle(using: &random)
            for start in stride(from: 0, to: order.count, by: runs.batchSize) {
                let batch = store.batch(order[start..<min(start + runs.batchSize, order.count)])
                let vectors = table.embed(
                    IdBatch(ids: batch.ids, fields: Array(0..<fields)),
                    mode: .training(RandomStream(seed: seed)))
                let logits = (vectors * model.theta.tensor).sum(axes: [1]) + model.bias.tensor
                optimizer.update(
                    logits.binaryCrossEntropy(targets: batch.labels).gradients(), learningRate: 0.001)
            }
        }
        return Self.meanAngle(model.theta.value.reshaped([fields, width]))
    }

    static func meanAngle(_ directions: Tensor) -> Double {
        let unit = directions.normalized()
        let cosines = unit.matmul(unit, transposingOther: true)
        var (sum, count) = (0.0, 0.0)
        for i in 0..<directions.shape[0] {
            for j in 0..<i {
                sum += acos(Double(max(-1, min(1, cosines[i, j])))) * 180 / .pi
                count += 1
            }
        }
        return sum / count
    }
}

private struct FieldWeights: Module {
    let table: any EmbeddingTable
    let theta: Parameter
    let bias: Parameter

    func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("table", table)
        visitor.visit("theta", theta)
        visitor.visit("bias", bias)
    }
}
