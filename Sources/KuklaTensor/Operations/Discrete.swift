import Foundation
public import KuklaNumerics

// Choices among a few: masks of 0 and 1, random draws, and estimators that let a gradient through them.

extension Tensor {
    /// A row of zeros with a 1 at `ids[i]` for each i: `[ids.count, classes]`.
    public static func oneHot(_ ids: [Int32], classes: Int) -> Tensor {
        ids.requireBelow(classes, of: [ids.count, classes], operation: "oneHot")
        return Tensor(shape: [ids.count, classes]) { out in
            out.update(repeating: 0)
            for (i, id) in ids.enumerated() { out[i * classes + Int(id)] = 1 }
        }
    }

    /// A mask: 1 at the `count` greatest elements of each row of the last axis, 0 elsewhere.
    public func topKMask(_ count: Int) -> Tensor {
        let indices = detached.topK(count).indices
        return Tensor.ones(shape.dropLast() + [count])
            .scatteredAdd(along: -1, indices: indices, length: shape[rank - 1])
    }

    /// Independent numbers from the standard Gumbel distribution: the `topK` of log-weights plus such noise are draws without
    /// replacement.
    public static func gumbel(_ shape: [Int], using random: inout RandomSource) -> Tensor {
        // The middle of one of 2^24 intervals, in double: neither logarithm sees 0.
        Tensor(shape: shape) {
            for i in $0.indices {
                $0[i] = Float(-Foundation.log(-Foundation.log(Double(random.uniform()) + 0x1p-25)))
            }
        }
    }

    /// A random one-hot choice along the last axis with probabilities `softmax(x)`, softened: `softmax((x + gumbel) / temperature)`.
    ///
    /// Where `isHard`, the result is the one-hot row itself and the gradient that of the soft one (straight-through).
    /// *Source:* Jang, Gu and Poole 2017, arXiv:1611.01144; Maddison, Mnih and Teh 2017, arXiv:1611.00712.
    public func gumbelSoftmax(
        temperature: Float = 1, isHard: Bool = false, using random: inout RandomSource
    ) -> Tensor {
        contract(
            rank > 0 && temperature > 0, "gumbelSoftmax: temperature \(temperature) for shape \(shape)")
        let soft = ((self + Tensor.gumbel(shape, using: &random)) / temperature).softmax()
        return isHard ? soft.topKMask(1).straightThrough(to: soft) : soft
    }

    /// 1 where an element is not negative, -1 elsewhere; the gradient passes unchanged where its magnitude is at most `limit` and
    /// is zero beyond (the clipped straight-through estimator; infinity: never clipped).
    ///
    /// *Source:* Hubara et al. 2016, "Binarized neural networks", arXiv:1602.02830, section 1.3.
    public func binarized(gradientWithin limit: Float = 1) -> Tensor {
        let signs = map { $0 < 0 ? -1 : $0 >= 0 ? 1 : $0 }
        return signs.straightThrough(to: limit.isFinite ? clamp(min: -limit, max: limit) : self)
    }
}
