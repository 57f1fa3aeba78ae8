import KuklaNumerics
import KuklaTensor

/// Linear layers of one input whose results stand side by side, one product each and no copy, unless one of them has an adapter.
struct ProjectedHeads {
    let layers: [Linear]
    let mode: ForwardMode

    /// The columns of each layer's result.
    func callAsFunction(_ x: Tensor) -> [TensorColumns] {
        guard layers.count > 1, layers.allSatisfy({ $0.adapter == nil }) else {
            return layers.map { TensorColumns($0(x, mode: mode)) }
        }
        let all = x.linear(stacked: layers.map { ($0.weight.tensor, $0.bias?.tensor) })
        var first = 0
        return layers.map { layer in
            defer { first += layer.outputDimensions }
            return TensorColumns(all, first..<first + layer.outputDimensions)
        }
    }
}

extension TensorColumns {
    /// The part of these columns from `first` on.
    func columns(_ range: Range<Int>) -> TensorColumns {
        let first = self.range.lowerBound
        return TensorColumns(tensor, first + range.lowerBound..<first + range.upperBound)
    }
}
