import CKernels
import KuklaNumerics

extension Tensor {
    /// `gamma (x - mean) / sqrt(variance + epsilon) + beta` over the last axis.
    ///
    /// *Shapes:* `gamma`, `beta` `[last axis]`. Keeps `x` and two numbers a row for the gradient.
    /// *Source:* Ba, Kiros and Hinton 2016, "Layer normalization", arXiv:1607.06450.
    public func layerNorm(_ gamma: Tensor? = nil, _ beta: Tensor? = nil, epsilon: Float = 1e-5) -> Tensor {
        Norm(epsilon: epsilon, isCentered: true).apply(self, nil, gamma, beta, "layerNorm")
    }

    /// `layerNorm` of `self + residual`, the sum computed in the same pass; the gradient goes to both alike.
    public func addLayerNorm(
        _ residual: Tensor, _ gamma: Tensor? = nil, _ beta: Tensor? = nil, epsilon: Float = 1e-5
    ) -> Tensor {
        contract(
            shape == residual.shape, "addLayerNorm: shapes \(shape) and \(residual.shape) differ")
        return Norm(epsilon: epsilon, isCentered: true).apply(self, residual, gamma, beta, "addLayerNorm")
    }

    /// `gamma x / sqrt(mean of x^2 + epsilon)` over the last axis.
    ///
    /// *Source:* Zhang and Sennrich 2019, "Root mean square layer normalization", arXiv:1910.07467.
    public func rmsNorm(_ gamma: Tensor? = nil, epsilon: Float = 1e-6) -> Tensor {
        Norm(epsilon: epsilon, isCentered: false).apply(self, nil, gamma, nil, "rmsNorm")
    }
}

/// A normalisation of rows and its gradient.
private struct Norm: Sendable {
    let epsilon: Float
    let isCentered: Bool

    func apply(
        _ x: Tensor, _ residual: Tensor?, _ gamma: Tensor?, _ beta: Tensor?, _ name: StaticString
    ) -> Tensor {
        contract(x.rank > 0, "\(name): a scalar has no last axis")
        let columns = x.shape[x.rank - 1]
        for parameter in [gamma, beta] {
            contract(
                parameter == nil || parameter?.shape == [columns],
                "\(name): gamma or beta of shape \(parameter?.shape ?? []) for rows of shape \(x.shape)")
        }
        let inputs = [x, residual, gamma, beta].compactMap { $0 }
        let rows = x.shape.dropLast().reduce(1, *)
        let keeps = Tape.isRecording && inputs.contains { $0.node != nil }
        // Storage that the blocks write rows of: the sum where there is one, mean and 1 / deviation of each row.
        let sum = keeps && residual != nil ? Tensor(shape: x.shape) { _ in } : nil
        let mean = keeps && isCentered ? Tensor(shape: [rows]) { _ in } : nil
        let rstd = keeps ? Tensor(shape: [rows]) { _ in } : nil
        nonisolated(unsafe) let sums = sum?.uniquePointer
        nonisolated(unsafe) let means = mean?.uniquePointer
        nonisolated(unsafe) let rstds = rstd?.uniquePointer
        let result = x.mappingRows { kernels, block, to, columns in
            let at = block.lowerBound
            kernels.norm_rows(
                x.pointer + at * columns, residual.map { $0.pointer + at * columns },
                kk_norm(gamma: gamma?.pointer, beta: beta?.pointer, epsilon: epsilon, centered: isCentered),
                sums.map { $0 + at * columns }, to, means.map { $0 + at }, rstds.map { $0 + at },
                block.count, columns)
        }
        guard let rstd else { return result.unrecorded(name, from: x) }
        let normalized = sum ?? x.detached
        return result.recorded(name, from: inputs) { gradient, accumulator in
            Tape.requireFirstOrder(name)
            let (dx, dgamma, dbeta) = pullback(gradient, normalized, mean, rstd, gamma, beta)
            accumulator.add(dx, to: x)
            if let residual { accumulator.add(dx, to: residual) }
            if let gamma { accumulator.add(dgamma, to: gamma) }
            if let beta { accumulator.add(dbeta, to: beta) }
        }
    }

    private func pullback(
        _ gradient: Tensor, _ x: Tensor, _ mean: Tensor?, _ rstd: Tensor, _ gamma: Tensor?, _ beta: Tensor?
    ) -> (dx: Tensor, dgamma: Tensor, dbeta: Tensor) {
        let columns = x.shape[x.rank - 1]
        let kernels = trainingKernels
        let dx = Tensor(shape: x.shape) { _ in }
        nonisolated(unsafe) let to = dx.uniquePointer  // every block writes rows of its own
        let sums = summingOverRows(rstd.count, columns: columns, width: 2 * columns) { block, sums in
            let at = block.lowerBound
            kernels.norm_slope_rows(
                gradient.pointer + at * columns, x.pointer + at * columns, mean.map { $0.pointer + at },
                rstd.pointer + at, gamma?.pointer, to + at * columns, gamma == nil ? nil : sums,
                beta == nil ? nil : sums + columns, block.count, columns)
        }
        return (
            dx, Tensor(shape: [columns], storage: sums.storage),
            Tensor(shape: [columns], storage: sums.storage, offset: columns)
        )
    }
}

extension Tensor {
    /// Where the elements of a tensor begin that was just made and that nobody else has seen.
    fileprivate var uniquePointer: UnsafeMutablePointer<Float> { UnsafeMutablePointer(mutating: pointer) }
}
