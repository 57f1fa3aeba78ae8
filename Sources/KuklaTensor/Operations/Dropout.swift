package import CKernels
public import KuklaNumerics

extension Tensor {
    /// Each element, independently, set to 0 with probability `rate` and divided by `1 - rate` otherwise.
    ///
    /// Nothing is kept for the gradient but a key: which elements stay is computed again from their numbers, so it does not
    /// depend on threads.
    /// *Domain:* rate in `0..<1`; 0 draws nothing from `random`.
    /// *Source:* Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15.
    public func dropout(_ rate: Float, using random: inout RandomSource) -> Tensor {
        contract(rate >= 0 && rate < 1, "dropout: rate \(rate), expected 0 to 1, 1 excluded")
        guard rate > 0 else { return self }
        return dropout(DropoutKey(rate: rate, using: &random))
    }

    /// Dropout of the elements that `key` chooses.
    package func dropout(_ key: DropoutKey) -> Tensor {
        let kernels = trainingKernels
        return Tensor(shape: shape) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes elements of its own
            tensorFor(count, grain: elementGrain) { block in
                let at = block.lowerBound
                kernels.dropout(pointer + at, to + at, UInt64(at), block.count, key.kernel)
            }
        }.recorded("dropout", (self, { $0.dropout(key) }))
    }
}

/// Which elements of a tensor one dropout keeps.
package struct DropoutKey: Sendable {
    package let kernel: kk_dropout

    package init(rate: Float, using random: inout RandomSource) {
        let key = random.next()
        kernel = kk_dropout(
            key0: UInt32(truncatingIfNeeded: key), key1: UInt32(truncatingIfNeeded: key >> 32),
            threshold: UInt32(rate * 0x1p32), scale: 1 / (1 - rate))
    }
}
