import Foundation
import KuklaNumerics

/// Which components of a head are turned together.
public enum RotaryLayout: Sendable, Hashable {
    /// Component i with component i + pairs (GPT-NeoX, Llama in Hugging Face's files).
    case halfSplit
    /// Component 2 i with component 2 i + 1 (the paper, GPT-J).
    case interleaved
}

/// Cosines and sines of the angles by which the tokens of a pass are turned: computed once, used in every layer.
///
/// *Source:* Su et al. 2021, "RoFormer", arXiv:2104.09864.
public struct RotaryAngles: Sendable {
    /// `[distinct positions, pairs]`.
    let cosines, sines: Tensor
    /// The row of each token.
    let rows: [Int32]
    public let layout: RotaryLayout

    /// The number of component pairs that are turned; the rest of a head stays as it is.
    public var pairs: Int { cosines.shape[1] }
    /// The number of tokens.
    public var count: Int { rows.count }

    /// Whether both are copies of one value.
    package func isSame(as other: RotaryAngles) -> Bool {
        cosines.storage === other.cosines.storage && rows == other.rows && layout == other.layout
    }

    /// Angles `positions[t] * frequencies[i]`, in radians, computed in double.
    ///
    /// `factor` multiplies what is turned (the attention factor of YaRN).
    public init(
        frequencies: [Float], positions: [Int32], layout: RotaryLayout = .halfSplit, factor: Float = 1
    ) {
        var rowOf: [Int32: Int32] = [:]
        var distinct: [Int32] = []
        rows = positions.map { position in
            if let row = rowOf[position] { return row }
            rowOf[position] = Int32(distinct.count)
            distinct.append(position)
            return Int32(distinct.count - 1)
        }
        let shape = [distinct.count, frequencies.count]
        func table(_ function: (Double) -> Double) -> Tensor {
            Tensor(shape: shape) { out in
                for i in out.indices {
                    let angle = Double(distinct[i / shape[1]]) * Double(frequencies[i % shape[1]])
                    out[i] = factor * Float(function(angle))
                }
            }
        }
        cosines = table { cos($0) }
        sines = table { sin($0) }
        self.layout = layout
    }
}

extension Tensor {
    /// Turns pairs of components of every head by the angles of its token; `columns` (all without) are the heads that are.
    ///
    /// *Shapes:* `[tokens, width]`; the width of `columns` is a multiple of `headDimensions`, of which the first `2 * pairs` are
    /// turned.
    public func rotated(
        by angles: RotaryAngles, headDimensions: Int, columns: Range<Int>? = nil
    ) -> Tensor {
        rotated(by: angles, headDimensions: headDimensions, columns: columns, direction: 1)
    }

    private func rotated(
        by angles: RotaryAngles, headDimensions: Int, columns: Range<Int>?, direction: Float
    ) -> Tensor {
        let columns = columns ?? 0..<(shape.last ?? 0)
        contract(
            rank == 2 && shape[0] == angles.count && columns.lowerBound >= 0 && columns.upperBound <= shape[1]
                && columns.count % headDimensions == 0 && 2 * angles.pairs <= headDimensions,
            "rotated: columns \(columns) of shape \(shape) in heads of \(headDimensions), \(angles.pairs) pairs of angles for \(angles.count) tokens"
        )
        let width = shape[1]
        let pairs = angles.pairs
        // Half split: pair i is (i, i + pairs); interleaved: (2 i, 2 i + 1).
        let (step, apart) = angles.layout == .halfSplit ? (1, pairs) : (2, 1)
        return Tensor(shape: shape) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            tensorFor(shape[0], grain: Swift.max(1, elementGrain / Swift.max(width, 1))) { block in
                for token in block {
                    let x = pointer + token * width
                    let y = to + token * width
                    y.update(from: x, count: width)
                    let cosines = angles.cosines.pointer + Int(angles.rows[token]) * pairs
                    let sines = angles.sines.pointer + Int(angles.rows[token]) * pairs
                    for head in Swift.stride(
                        from: columns.lowerBound, to: columns.upperBound, by: headDimensions)
                    {
                        let (x, y) = (x + head, y + head)
                        for i in 0..<pairs {
                            let (a, b) = (x[step * i], x[step * i + apart])
                            let (c, s) = (cosines[i], sines[i] * direction)
                            y[step * i] = a * c - b * s
                            y[step * i + apart] = b * c + a * s
                        }
                    }
                }
            }
        }.recorded(
            "rotated",
            (
                self,
                {
                    $0.rotated(
                        by: angles, headDimensions: headDimensions, columns: columns, direction: -direction)
                }
            ))
    }
}
