import KuklaNumerics
import KuklaTensor

/// Task vectors with their small changes trimmed, of which each parameter takes the mean of those that agree in sign.
///
/// Trim: of each vector only its largest `keep` by magnitude count, over all parameters. Elect: a parameter's sign is that of the
/// weighted sum of what is left. Merge: the weighted mean of what has this sign, times lambda, is added to the base.
/// *Source:* Yadav et al. 2023, "TIES-merging: resolving interference when merging models", arXiv:2306.01708.
public struct TIES: Sendable {
    /// The share of each vector that counts, above 0 to 1.
    public var keep: Double
    public var lambda: Double

    public init(keep: Double = 0.2, lambda: Double = 1) {
        contract(keep > 0 && keep <= 1, "TIES: a share of \(keep), expected above 0 to 1")
        self.keep = keep
        self.lambda = lambda
    }

    /// - Parameter weights: one a vector, all above 0.
    /// - Complexity: O(count * elements).
    public func callAsFunction(_ vectors: TaskVectors, weights: [Double]) -> ModelWeights {
        let thresholds = vectors.tuned.map { threshold(of: $0, from: vectors.base) }
        let base = vectors.base
        return ModelWeights(
            base.paths.indices.map { i in
                let tuned = vectors.tuned.map { $0.tensors[i] }
                let merged = Tensor(shape: base.tensors[i].shape) { out in
                    merge(tuned, base.tensors[i], weights, thresholds, into: out)
                }
                return (base.paths[i], merged)
            })
    }

    private func merge(
        _ tuned: [Tensor], _ base: Tensor, _ weights: [Double], _ thresholds: [Float],
        into out: UnsafeMutableBufferPointer<Float>
    ) {
        guard let start = out.baseAddress else { return }
        nonisolated(unsafe) let to = start  // every block writes elements of its own
        tensorFor(out.count, grain: elementGrain) { block in
            let from = tuned.map(\.pointer)
            let base = base.pointer
            for i in block {
                var elected = 0.0
                for n in from.indices {
                    let change = from[n][i] - base[i]
                    if abs(change) >= thresholds[n] { elected += weights[n] * Double(change) }
                }
                var (sum, share) = (0.0, 0.0)
                for n in from.indices {
                    let change = from[n][i] - base[i]
                    if abs(change) >= thresholds[n], Double(change) * elected > 0 {
                        sum += weights[n] * Double(from[n][i])
                        share += weights[n]
                    }
                }
                to[i] = share == 0 ? base[i] : Float((1 - lambda) * Double(base[i]) + lambda * (sum / share))
            }
        }
    }

    /// The magnitude that `keep` of a vector's elements reach: found in a histogram of the upper half of the numbers' bits, then of
    /// the lower half. Above 0, so that what did not change never counts.
    private func threshold(of tuned: ModelWeights, from base: ModelWeights) -> Float {
        var wanted = Int((keep * Double(base.count)).rounded())
        func select(_ bin: (UInt32) -> Int?) -> Int {
            var counts = [Int](repeating: 0, count: 1 << 16)
            for (tuned, base) in zip(tuned.tensors, base.tensors) {
                let (a, b) = (tuned.pointer, base.pointer)
                for i in 0..<tuned.count {
                    if let place = bin(abs(a[i] - b[i]).bitPattern) { counts[place] += 1 }
                }
                withExtendedLifetime((tuned, base)) {}
            }
            var place = counts.count - 1
            while place > 0, counts[place] < wanted {
                wanted -= counts[place]
                place -= 1
            }
            return place
        }
        let upper = select { Int($0 >> 16) }
        let lower = select { Int($0 >> 16) == upper ? Int($0 & 0xFFFF) : nil }
        return max(Float(bitPattern: UInt32(upper) << 16 | UInt32(lower)), .leastNonzeroMagnitude)
    }
}
