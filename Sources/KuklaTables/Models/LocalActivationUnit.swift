public import KuklaNN
public import KuklaNumerics
public import KuklaTensor

/// How strongly each event of a history speaks for a candidate: a small perceptron over both, their difference and their product.
///
/// Weights are not made to sum to 1: their sum says how strong the interest is. `isNormalized` takes the softmax over a history
/// instead, which is another model. What lies outside a history has no weight, so padding is not needed and reordering changes
/// nothing.
/// *Source:* Zhou et al. 2018, arXiv:1706.06978, section 4.3.
public struct LocalActivationUnit: Module {
    private let network: AdaptiveMLP
    public let isNormalized: Bool

    public init(_ width: Int, _ options: CTRConfiguration.Attention, using random: inout RandomSource) {
        network = AdaptiveMLP([4 * width] + options.hidden + [1], usesDice: options.usesDice, using: &random)
        isNormalized = options.isNormalized
    }

    public func visit(_ visitor: inout ModuleVisitor) { visitor.visit("network", network) }

    /// The weight of each event, `[events]`.
    ///
    /// - Parameters:
    ///   - candidates: `[n, width]`.
    ///   - events: `[events, width]`; those of example i lie from `offsets[i]` to `offsets[i + 1]`.
    public func callAsFunction(
        candidates: Tensor, events: Tensor, offsets: [Int32], mode: ForwardMode
    ) -> Tensor {
        let pairs = events.interestPairs(candidates: candidates, offsets: offsets)
        let weights = network(pairs, mode: mode)
        guard isNormalized else { return weights.reshaped([events.shape[0]]) }
        let rows = offsets.count - 1
        let owners = (0..<rows).flatMap {
            [Int32](repeating: Int32($0), count: Int(offsets[$0 + 1] - offsets[$0]))
        }
        return weights.segmentSoftmax(owners, count: rows).reshaped([events.shape[0]])
    }
}

extension Tensor {
    /// `[v, e, v - e, v * e]` for each event e and its example's candidate v: `[events, width]` becomes `[events, 4 width]`.
    package func interestPairs(candidates: Tensor, offsets: [Int32]) -> Tensor {
        let (width, n) = (shape[1], offsets.count - 1)
        contract(
            candidates.shape == [n, width] && Int(offsets[n]) == shape[0],
            "interestPairs: candidates \(candidates.shape), events \(shape), \(n) lists")
        let events = self
        let grain = rowGrain(4 * width * Swift.max(1, shape[0] / Swift.max(1, n)))
        let result = Tensor(shape: [shape[0], 4 * width]) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            tensorFor(n, grain: grain) { rows in
                for row in rows {
                    let v = candidates.pointer + row * width
                    for event in Int(offsets[row])..<Int(offsets[row + 1]) {
                        let e = events.pointer + event * width
                        let y = to + event * 4 * width
                        for k in 0..<width {
                            y[k] = v[k]
                            y[width + k] = e[k]
                            y[2 * width + k] = v[k] - e[k]
                            y[3 * width + k] = v[k] * e[k]
                        }
                    }
                }
            }
        }
        return result.recorded("interestPairs", from: [events, candidates]) { gradient, accumulator in
            Tape.requireFirstOrder("interestPairs")
            let slopes = AlignedStorage<Float>(zeros: n * width)
            let eventSlopes = Tensor(shape: events.shape) { out in
                guard let base = out.baseAddress else { return }
                nonisolated(unsafe) let to = base  // every block writes rows of its own
                tensorFor(n, grain: grain) { rows in
                    for row in rows {
                        let v = candidates.pointer + row * width
                        let dv = slopes.pointer + row * width
                        for event in Int(offsets[row])..<Int(offsets[row + 1]) {
                            let e = events.pointer + event * width
                            let g = gradient.pointer + event * 4 * width
                            let de = to + event * width
                            for k in 0..<width {
                                let (difference, product) = (g[2 * width + k], g[3 * width + k])
                                de[k] = g[width + k] - difference + product * v[k]
                                dv[k] += g[k] + difference + product * e[k]
                            }
                        }
                    }
                }
            }
            accumulator.add(eventSlopes, to: events)
            accumulator.add(Tensor(shape: [n, width], storage: slopes), to: candidates)
        }
    }
}
