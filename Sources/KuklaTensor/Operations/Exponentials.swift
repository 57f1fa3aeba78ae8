import CKernels
import Foundation
import KuklaNumerics

// Exponentials and logarithms, element by element. Each has gradients of gradients.

extension Tensor {
    /// e to the power of each element.
    public func exp() -> Tensor {
        let y = applying(kk_elementary_exp)
        return y.recorded("exp", (self, { $0 * (Tape.isDifferentiatingBackward ? self.exp() : y) }))
    }

    /// `exp(x) - 1`, exact for small x.
    public func expm1() -> Tensor {
        map { Foundation.expm1($0) }.recorded("expm1", (self, { $0 * self.exp() }))
    }

    /// The natural logarithm: NaN below zero, -infinity at zero.
    public func log() -> Tensor {
        applying(kk_elementary_log).recorded("log", (self, { $0 / self }))
    }

    /// `log(1 + x)`, exact for small x.
    public func log1p() -> Tensor {
        map { Foundation.log1p($0) }.recorded("log1p", (self, { $0 / (self + 1) }))
    }

    /// The function of every element by its kernel, unrecorded.
    func applying(_ function: kk_elementary) -> Tensor {
        let kernels = trainingKernels
        return mappingBlocks { kernels.elementary($0, $1, $2, function) }
    }
}
