import CKernels
import KuklaNumerics

extension Tensor {
    /// `exp(x) / sum of exp(x)` along `axis`, computed from `x - max(x)`.
    public func softmax(axis: Int = -1) -> Tensor { alongRows(axis, "softmax") { $0.softmaxOfRows() } }

    /// `x - log(sum of exp(x))` along `axis`.
    public func logSoftmax(axis: Int = -1) -> Tensor {
        alongRows(axis, "logSoftmax") { $0.logSoftmaxOfRows() }
    }

    /// `log(sum of exp(x))` along `axis`, which goes, or stays with length 1 where `keepingAxes`.
    public func logSumExp(axis: Int = -1, keepingAxes: Bool = false) -> Tensor {
        let axis = shape.axis(axis, operation: "logSumExp")
        let (outer, length, inner) = shape.split(at: axis)
        let rows = inner == 1 ? self : reshaped([outer, length, inner]).transposed()
        var result = shape
        if keepingAxes { result[axis] = 1 } else { result.remove(at: axis) }
        return rows.reshaped([outer * inner, length]).logSumExpOfRows().reshaped(result)
    }

    /// `body` of this tensor with `axis` last, put back afterwards.
    private func alongRows(_ axis: Int, _ name: StaticString, _ body: (Tensor) -> Tensor) -> Tensor {
        let axis = shape.axis(axis, operation: name)
        let (outer, length, inner) = shape.split(at: axis)
        if inner == 1 { return body(reshaped([outer, length])).reshaped(shape) }
        return body(reshaped([outer, length, inner]).transposed()).transposed().reshaped(shape)
    }

    // MARK: - Rows

    private func softmaxOfRows() -> Tensor {
        let result = mappingRows { kernels, block, to, columns in
            kernels.softmax_rows(pointer + block.lowerBound * columns, to, block.count, columns)
        }
        return result.recorded(
            "softmax",
            (
                self,
                { gradient in
                    if Tape.isDifferentiatingBackward {
                        let y = softmaxOfRows()
                        return y * (gradient - (gradient * y).sum(axes: [-1], keepingAxes: true))
                    }
                    return result.mappingRows { kernels, block, to, columns in
                        let at = block.lowerBound * columns
                        kernels.softmax_slope_rows(
                            result.pointer + at, gradient.pointer + at, to, block.count, columns)
                    }
                }
            ))
    }

    private func logSoftmaxOfRows() -> Tensor {
        let lse = logSums().lse
        let result = mappingRows { kernels, block, to, columns in
            kernels.subtract_rows(
                pointer + block.lowerBound * columns, lse.pointer + block.lowerBound, to, block.count, columns
            )
        }
        return result.recorded(
            "logSoftmax",
            (
                self,
                { gradient in
                    if Tape.isDifferentiatingBackward {
                        return gradient - softmaxOfRows() * gradient.sum(axes: [-1], keepingAxes: true)
                    }
                    return result.mappingRows { kernels, block, to, columns in
                        let at = block.lowerBound * columns
                        kernels.log_softmax_slope_rows(
                            result.pointer + at, gradient.pointer + at, to, block.count, columns)
                    }
                }
            ))
    }

    private func logSumExpOfRows() -> Tensor {
        let lse = logSums().lse
        return lse.recorded(
            "logSumExp",
            (
                self,
                { gradient in
                    if Tape.isDifferentiatingBackward {
                        return softmaxOfRows() * gradient.reshaped(gradient.shape + [1])
                    }
                    return softmaxTimes(gradient, plus: Tensor.zeros(gradient.shape), lse: lse)
                }
            ))
    }

    /// `softmax * scale + offset`, both a number for each row, from the rows' `lse`; unrecorded.
    func softmaxTimes(_ scale: Tensor, plus offset: Tensor, lse: Tensor) -> Tensor {
        mappingRows { kernels, block, to, columns in
            let at = block.lowerBound
            kernels.exp_rows(
                pointer + at * columns, lse.pointer + at, scale.pointer + at, offset.pointer + at, to,
                block.count, columns)
        }
    }

    /// The log of the sum of exponentials of each row (of the last axis), and where asked for the sum; unrecorded.
    func logSums(withTotals: Bool = false) -> (lse: Tensor, totals: Tensor?) {
        let columns = shape[rank - 1]
        let rows = shape.dropLast().reduce(1, *)
        let kernels = trainingKernels
        let totals = withTotals ? Tensor.zeros([rows]) : nil
        nonisolated(unsafe) let sums = totals.map { UnsafeMutablePointer(mutating: $0.pointer) }
        let lse = Tensor(shape: Array(shape.dropLast())) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes elements of its own
            tensorFor(rows, grain: rowGrain(columns)) { block in
                let at = block.lowerBound
                kernels.lse_rows(
                    pointer + at * columns, to + at, sums.map { $0 + at }, block.count, columns)
            }
        }
        return (lse, totals)
    }

    /// A tensor of this shape whose rows (of the last axis) are written block by block; unrecorded.
    func mappingRows(
        _ body:
            @Sendable (kk_training_kernels, Range<Int>, UnsafeMutablePointer<Float>, _ columns: Int) -> Void
    ) -> Tensor {
        let columns = shape[rank - 1]
        let kernels = trainingKernels
        return Tensor(shape: shape) { out in
            guard let base = out.baseAddress, out.count > 0 else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            tensorFor(out.count / columns, grain: rowGrain(columns)) { block in
                body(kernels, block, to + block.lowerBound * columns, columns)
            }
        }
    }
}
