import KuklaNumerics
import KuklaTensor

/// TT-SVD: cores by two truncated decompositions of the unfolded field, from the left and then from the right.
///
/// *Source:* Oseledets 2011, "Tensor-train decomposition", SIAM Journal on Scientific Computing 33(5), doi:10.1137/090752286.
extension TensorTrain: FixedTableMethod {
    static func compress(
        _ vectors: Tensor, _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?,
        seed: UInt64
    ) throws(KuklaError) -> any ServedTable {
        let rank = rank(of: schema, budget: budget)
        let split = FieldSplit(schema) { TrainShape($0.count, schema.width).floats(rank) }
        let fields = schema.split(vectors)
        var cores: [[Tensor]] = [[], [], []]
        for field in split.compressed {
            for (i, core) in try Self.cores(of: fields[field], rank: rank).enumerated() {
                cores[i].append(core)
            }
        }
        let layout = TrainLayout(schema, fields: split.compressed, rank: rank)
        let dense = fields.indices.filter { !split.isCompressed[$0] }.map { fields[$0] }
        return ServedSplit(
            configuration: configuration, split: split,
            group: split.compressed.isEmpty
                ? nil
                : ServedTrains(
                    layout: layout, cores: cores.map { Tensor.concatenated($0).sharedStorage }),
            dense: dense.isEmpty ? AlignedStorage(uninitialized: 0) : Tensor.concatenated(dense).sharedStorage
        )
    }

    /// The three cores of a field `[n, d]`, of shapes `[N1, d1 R]`, `[N2, R d2 R]` and `[N3, R d3]`.
    private static func cores(of field: Tensor, rank: Int) throws(KuklaError) -> [Tensor] {
        let (count, width) = (field.shape[0], field.shape[1])
        let shape = TrainShape(count, width)
        let (n1, n2, n3) = shape.rows
        let (d1, d2, d3) = shape.widths
        // `[n1 d1, n2 d2 n3 d3]`, ids beyond the last as zeros.
        let unfolded = Tensor(shape: [n1 * d1, n2 * d2 * n3 * d3]) { out in
            out.update(repeating: 0)
            for id in 0..<count {
                let (rest, i1) = id.quotientAndRemainder(dividingBy: n1)
                let (i3, i2) = rest.quotientAndRemainder(dividingBy: n2)
                for j in 0..<width {
                    let (j1, j2, j3) = (j / (d2 * d3), j / d3 % d2, j % d3)
                    let column = ((i2 * d2 + j2) * n3 + i3) * d3 + j3
                    out[(i1 * d1 + j1) * (n2 * d2 * n3 * d3) + column] = field.pointer[id * width + j]
                }
            }
        }
        // A = U B with U's columns orthonormal, then B = C V with V's rows orthonormal.
        let left = try PrincipalDirections(of: unfolded.transposed()).leading(rank)
        let rest = left.matmul(unfolded).reshaped([rank * n2 * d2, n3 * d3])
        let right = try PrincipalDirections(of: rest).leading(rank)
        let middle = rest.matmul(right, transposingOther: true)
        return [
            left.transposed().reshaped([n1, d1 * rank]),
            Tensor(shape: [n2, rank * d2 * rank]) { out in
                for r in 0..<rank {
                    for i2 in 0..<n2 {
                        for j2 in 0..<d2 {
                            for s in 0..<rank {
                                out[((i2 * rank + r) * d2 + j2) * rank + s] =
                                    middle.pointer[((r * n2 + i2) * d2 + j2) * rank + s]
                            }
                        }
                    }
                }
            },
            Tensor(shape: [n3, rank * d3]) { out in
                for s in 0..<rank {
                    for i3 in 0..<n3 {
                        for j3 in 0..<d3 {
                            out[(i3 * rank + s) * d3 + j3] = right.pointer[s * n3 * d3 + i3 * d3 + j3]
                        }
                    }
                }
            },
        ]
    }
}
