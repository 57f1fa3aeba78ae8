import KuklaNumerics
package import KuklaTensor

extension Tensor {
    /// `x (p + (1 - p) a)` with `p = sigmoid((x - mean) / sqrt(variance + epsilon))`, mean and variance those of each column, or given.
    ///
    /// *Shapes:* `x [n, units]`, `slope` (a), mean and variance `[units]`. Also returns the statistics, without gradient. Loops run
    /// along rows: three passes over memory, and three for the gradient.
    package func diced(
        _ slope: Tensor, statistics: (mean: Tensor, variance: Tensor)? = nil, epsilon: Float
    ) -> (result: Tensor, mean: Tensor, variance: Tensor) {
        let plan = DicePlan(rows: shape[0], units: shape[1], isByBatch: statistics == nil)
        let mean = statistics?.mean ?? plan.mean(of: self)
        let variance = statistics?.variance ?? plan.variance(of: self, around: mean)
        let scale = Tensor(shape: [plan.units]) { out in
            for k in out.indices { out[k] = 1 / (variance.pointer[k] + epsilon).squareRoot() }
        }
        let normalized = plan.normalized(self, mean, scale)
        let share = normalized.sigmoid()
        let x = self
        let result = Tensor(shape: shape) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            plan.forRows { row in
                let at = row * plan.units
                let (x, p, a) = (x.pointer + at, share.pointer + at, slope.pointer)
                for k in 0..<plan.units { to[at + k] = x[k] * (p[k] + (1 - p[k]) * a[k]) }
            }
        }.recorded("dice", from: [self, slope]) { gradient, accumulator in
            Tape.requireFirstOrder("dice")
            let found = plan.gradients(gradient, x: x, slope: slope, normalized, share, scale)
            accumulator.add(found.x, to: x)
            accumulator.add(found.slope, to: slope)
        }
        return (result, mean, variance)
    }
}

/// The lengths of a batch of units, and the loops of Dice over it.
private struct DicePlan: Sendable {
    let rows, units: Int
    /// Whether mean and variance are functions of the batch, so that gradients flow through them.
    let isByBatch: Bool

    func forRows(_ body: @Sendable (Int) -> Void) {
        tensorFor(rows, grain: rowGrain(units)) { block in for row in block { body(row) } }
    }

    private func sums(
        _ width: Int, _ body: @Sendable (Int, UnsafeMutablePointer<Float>) -> Void
    ) -> Tensor {
        summingOverRows(rows, columns: units, width: width) { block, sums in
            for row in block { body(row, sums) }
        }
    }

    func mean(of x: Tensor) -> Tensor {
        sums(units) { row, sums in
            let x = x.pointer + row * units
            for k in 0..<units { sums[k] += x[k] }
        } * (1 / Float(max(1, rows)))
    }

    func variance(of x: Tensor, around mean: Tensor) -> Tensor {
        sums(units) { row, sums in
            let (x, mean) = (x.pointer + row * units, mean.pointer)
            for k in 0..<units {
                let d = x[k] - mean[k]
                sums[k] += d * d
            }
        } * (1 / Float(max(1, rows)))
    }

    func normalized(_ x: Tensor, _ mean: Tensor, _ scale: Tensor) -> Tensor {
        Tensor(shape: x.shape) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            forRows { row in
                let at = row * units
                let (x, mean, scale) = (x.pointer + at, mean.pointer, scale.pointer)
                for k in 0..<units { to[at + k] = (x[k] - mean[k]) * scale[k] }
            }
        }
    }

    func gradients(
        _ gradient: Tensor, x: Tensor, slope: Tensor, _ normalized: Tensor, _ share: Tensor, _ scale: Tensor
    ) -> (x: Tensor, slope: Tensor) {
        // Of the normalized number z: its gradient summed, that times z, and the gradient of the slope.
        let sums = sums(3 * units) { row, sums in
            let at = row * units
            let (g, x, z, p) = (
                gradient.pointer + at, x.pointer + at, normalized.pointer + at, share.pointer + at
            )
            let a = slope.pointer
            for k in 0..<units {
                let dz = g[k] * x[k] * (1 - a[k]) * p[k] * (1 - p[k])
                sums[k] += dz
                sums[units + k] += dz * z[k]
                sums[2 * units + k] += g[k] * x[k] * (1 - p[k])
            }
        }
        let mean: Float = isByBatch ? 1 / Float(max(1, rows)) : 0
        let slopes = Tensor(shape: x.shape) { out in
            guard let base = out.baseAddress else { return }
            nonisolated(unsafe) let to = base  // every block writes rows of its own
            forRows { row in
                let at = row * units
                let (g, x, z, p) = (
                    gradient.pointer + at, x.pointer + at, normalized.pointer + at, share.pointer + at
                )
                let (a, scale, total) = (slope.pointer, scale.pointer, sums.pointer)
                for k in 0..<units {
                    let dz = g[k] * x[k] * (1 - a[k]) * p[k] * (1 - p[k])
                    let through = dz - mean * (total[k] + z[k] * total[units + k])
                    to[at + k] = g[k] * (p[k] + (1 - p[k]) * a[k]) + scale[k] * through
                }
            }
        }
        return (slopes, sums.slice(axis: 0, 2 * units..<3 * units))
    }
}
