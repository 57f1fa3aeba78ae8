import Foundation
import KuklaNumerics
import KuklaTensor

/// Attention by its definition, in double, with every probability written out: what the fused operation is held against.
struct AttentionReference {
    var shape: AttentionShape
    var queries: SequenceLengths
    var keys: SequenceLengths
    var options = AttentionOptions()
    /// Whether the probability of a head, query token and key of the sequence survives dropout.
    var keeps: (_ head: Int, _ query: Int, _ key: Int) -> Bool = { _, _, _ in true }

    private func isSeen(place: Int, key: Int) -> Bool {
        let pattern = options.pattern
        if let future = pattern.future, key > place + future { return false }
        if key < pattern.global { return true }
        if let past = pattern.past, key < place - past { return false }
        return true
    }

    private func bias(_ head: Int, _ query: Int, place: Int, key: Int, sequence: Int) -> Double {
        switch options.bias {
        case .none: 0
        case .byDistance(let table, let zero): Double(table[head, zero + key - place])
        case .byPosition(let slopes, let queryPositions, let keyPositions, let reach):
            -Double(slopes[head])
                * Double(
                    min(
                        reach,
                        abs(
                            queryPositions[queries[sequence].lowerBound + query]
                                - keyPositions[keys[sequence].lowerBound + key])))
        case .dense(let table): Double(table[head, query, key])
        case .bySequence(let numbers):
            Double(
                numbers[
                    (0..<sequence).reduce(0) { $0 + queries[$1].count * keys[$1].count }
                        + query * keys[sequence].count + key])
        }
    }

    /// The result, `[tokens, heads * headDimensions]`.
    func result(_ q: Tensor, _ k: Tensor, _ v: Tensor) -> Tensor {
        let (q, k, v) = (q.elements, k.elements, v.elements)
        let d = shape.headDimensions
        let scale = Double(options.scale ?? 1 / Float(d).squareRoot())
        let kept = 1 / Double(1 - (options.dropout?.rate ?? 0))
        var out = [Float](repeating: 0, count: queries.total * shape.queryWidth)
        for s in 0..<queries.count {
            for (i, token) in queries[s].enumerated() {
                for head in 0..<shape.heads {
                    let place = keys[s].count - queries[s].count + i
                    let seen = (0..<keys[s].count).filter { isSeen(place: place, key: $0) }
                    let factor = scale * Double(options.temperature?[token] ?? 1)
                    let scores = seen.map { key in
                        var sum = 0.0
                        let row = (keys[s].lowerBound + key) * shape.keyWidth + head / shape.group * d
                        for c in 0..<d {
                            sum += Double(q[token * shape.queryWidth + head * d + c]) * Double(k[row + c])
                        }
                        return factor * sum + bias(head, i, place: place, key: key, sequence: s)
                    }
                    let most = scores.max() ?? 0
                    let total = scores.reduce(0) { $0 + exp($1 - most) }
                    for (key, score) in zip(seen, scores) where keeps(head, token, key) {
                        let weight = exp(score - most) / total * kept
                        let row = (keys[s].lowerBound + key) * shape.keyWidth + head / shape.group * d
                        for c in 0..<d {
                            out[token * shape.queryWidth + head * d + c] += Float(
                                weight * Double(v[row + c]))
                        }
                    }
                }
            }
        }
        return Tensor(shape: [queries.total, shape.queryWidth], elements: out)
    }
}
