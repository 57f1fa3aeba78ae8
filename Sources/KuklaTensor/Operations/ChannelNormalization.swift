import KuklaNumerics

extension Tensor {
    /// `gamma (x - mean) / sqrt(variance + epsilon) + beta` with the mean and variance of each channel over all images and
    /// positions; also returns these, without gradient, for running statistics.
    ///
    /// *Shapes:* `self [n, c, ...]`; `gamma`, `beta`, `mean`, `variance` `[c]`. The variance is the biased one (divided by the count).
    /// *Source:* Ioffe and Szegedy 2015, "Batch normalization", arXiv:1502.03167.
    public func batchNorm(
        _ gamma: Tensor? = nil, _ beta: Tensor? = nil, epsilon: Float = 1e-5
    ) -> (result: Tensor, mean: Tensor, variance: Tensor) {
        contract(rank >= 2, "batchNorm: shape \(shape), expected [images, channels, ...]")
        for parameter in [gamma, beta] { requirePerChannel(parameter, "batchNorm") }
        if rank == 2 { return ColumnNorm(shape, epsilon: epsilon).apply(self, gamma, beta, "batchNorm") }
        let norm = ChannelNorm(shape, groups: nil, epsilon: epsilon)
        let (result, statistics) = norm.apply(self, gamma, beta, "batchNorm")
        let mean = Tensor(shape: [shape[1]]) { for i in $0.indices { $0[i] = statistics[i].mean } }
        let variance = Tensor(shape: [shape[1]]) { for i in $0.indices { $0[i] = statistics[i].variance } }
        return (result, mean, variance)
    }

    /// `gamma (x - mean) / sqrt(variance + epsilon) + beta` with statistics that are given, as in inference. Shapes as there.
    public func batchNorm(
        _ gamma: Tensor? = nil, _ beta: Tensor? = nil, mean: Tensor, variance: Tensor, epsilon: Float = 1e-5
    ) -> Tensor {
        contract(
            rank >= 2 && mean.shape == [shape[1]] && variance.shape == mean.shape,
            "batchNorm: statistics of shapes \(mean.shape) and \(variance.shape) for input of shape \(shape)")
        let rstd = variance.detached.map { 1 / ($0 + epsilon).squareRoot() }
        let scale = gamma.map { $0 * rstd } ?? rstd
        let shift = (beta ?? Tensor.zeros(mean.shape)) - mean.detached * scale
        let spread = [-1] + [Int](repeating: 1, count: rank - 2)
        return self * scale.reshaped(spread) + shift.reshaped(spread)
    }

    /// `gamma (x - mean) / sqrt(variance + epsilon) + beta` with the mean and variance of each image over each of `groups` groups of
    /// neighbouring channels. One group a channel is instance normalisation.
    ///
    /// *Shapes:* `self [n, c, ...]`, `gamma`, `beta` `[c]`; `groups` divides `c`.
    /// *Source:* Wu and He 2018, "Group normalization", arXiv:1803.08494.
    public func groupNorm(
        groups: Int, _ gamma: Tensor? = nil, _ beta: Tensor? = nil, epsilon: Float = 1e-5
    ) -> Tensor {
        contract(
            rank >= 2 && groups > 0 && shape[1] % groups == 0,
            "groupNorm: \(groups) groups for shape \(shape), expected [images, channels, ...] with channels divided by groups"
        )
        for parameter in [gamma, beta] { requirePerChannel(parameter, "groupNorm") }
        return ChannelNorm(shape, groups: groups, epsilon: epsilon).apply(self, gamma, beta, "groupNorm")
            .result
    }

    private func requirePerChannel(_ parameter: Tensor?, _ name: StaticString) {
        contract(
            parameter == nil || parameter?.shape == [shape[1]],
            "\(name): gamma or beta of shape \(parameter?.shape ?? []) for input of shape \(shape)")
    }
}

/// A normalisation of sets of planes (one channel of one image each) and its gradient.
private struct ChannelNorm: Sendable {
    struct Statistics {
        var mean: Float = 0
        var variance: Float = 0
        var rstd: Float = 0
    }

    private let channels, planes, plane: Int
    private let epsilon: Float
    /// The sets: which planes each has in common statistics, as first, step and count.
    private let sets: [(first: Int, step: Int, count: Int)]

    /// Sets by channel over all images, or of the channels of `groups` groups of one image.
    init(_ shape: [Int], groups: Int?, epsilon: Float) {
        let (images, channels) = (shape[0], shape[1])
        self.channels = channels
        planes = images * channels
        plane = shape.dropFirst(2).reduce(1, *)
        self.epsilon = epsilon
        if let groups {
            let size = channels / groups
            sets = (0..<images * groups).map { ($0 * size, 1, size) }
        } else {
            sets = (0..<channels).map { ($0, channels, images) }
        }
    }

    private func members(_ set: Int) -> StrideTo<Int> {
        let (first, step, count) = sets[set]
        return stride(from: first, to: first + count * step, by: step)
    }

    private func forSets(_ body: @Sendable (Int) -> Void) {
        let work = max(1, plane * (sets.first?.count ?? 1))
        tensorFor(sets.count, grain: max(1, elementGrain / work)) { for set in $0 { body(set) } }
    }

    func apply(
        _ x: Tensor, _ gamma: Tensor?, _ beta: Tensor?, _ name: StaticString
    ) -> (result: Tensor, statistics: [Statistics]) {
        var statistics = [Statistics](repeating: Statistics(), count: sets.count)
        let result = statistics.withUnsafeMutableBufferPointer { statistics in
            nonisolated(unsafe) let statistics = statistics  // every set is written once
            return Tensor(shape: x.shape) { out in
                guard let base = out.baseAddress, out.count > 0 else { return }
                nonisolated(unsafe) let to = base  // every set is written once
                forSets { set in
                    let found = self.statistics(of: x.pointer, set: set)
                    statistics[set] = found
                    for p in members(set) {
                        let scale = found.rstd * (gamma.map { $0.pointer[p % channels] } ?? 1)
                        let shift = (beta.map { $0.pointer[p % channels] } ?? 0) - found.mean * scale
                        let (from, row) = (x.pointer + p * plane, to + p * plane)
                        for i in 0..<plane { row[i] = from[i] * scale + shift }
                    }
                }
            }
        }
        let kept = statistics
        let inputs = [x] + [gamma, beta].compactMap { $0 }
        let recorded = result.recorded(name, from: inputs) { gradient, accumulator in
            Tape.requireFirstOrder(name)
            let sums = planeSums(gradient.pointer, x.pointer, kept)
            accumulator.add(inputGradient(gradient, x, gamma, kept, sums), to: x)
            if let gamma { accumulator.add(channelSum(sums) { $0.products }, to: gamma) }
            if let beta { accumulator.add(channelSum(sums) { $0.gradients }, to: beta) }
        }
        return (recorded, statistics)
    }

    // Two passes: the variance from differences to the mean.
    private func statistics(of x: UnsafePointer<Float>, set: Int) -> Statistics {
        let count = Double(sets[set].count * plane)
        var sum = 0.0
        for p in members(set) { sum += Double(PlaneSums.sum(x + p * plane, plane)) }
        let mean = Float(sum / count)
        var squares = 0.0
        for p in members(set) { squares += Double(PlaneSums.squares(x + p * plane, plane, around: mean)) }
        let variance = squares / count
        return Statistics(
            mean: mean, variance: Float(variance), rstd: Float(1 / (variance + Double(epsilon)).squareRoot()))
    }

    /// Sums of the gradient, and of the gradient times the normalized input, over each plane.
    private struct Sums: Sendable {
        var gradients: Float
        var products: Float
    }

    private func planeSums(
        _ gradient: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ statistics: [Statistics]
    ) -> [Sums] {
        var sums = [Sums](repeating: Sums(gradients: 0, products: 0), count: planes)
        sums.withUnsafeMutableBufferPointer { sums in
            nonisolated(unsafe) let (sums, gradient, x) = (sums, gradient, x)  // every set is written once
            forSets { set in
                for p in members(set) {
                    let products = PlaneSums.products(
                        gradient + p * plane, x + p * plane, plane, around: statistics[set].mean)
                    sums[p] = Sums(
                        gradients: PlaneSums.sum(gradient + p * plane, plane),
                        products: products * statistics[set].rstd)
                }
            }
        }
        return sums
    }

    // rstd (gamma g - mean of gamma g - x^ mean of gamma g x^)
    private func inputGradient(
        _ gradient: Tensor, _ x: Tensor, _ gamma: Tensor?, _ statistics: [Statistics], _ sums: [Sums]
    ) -> Tensor {
        Tensor(shape: x.shape) { out in
            guard let base = out.baseAddress, out.count > 0 else { return }
            nonisolated(unsafe) let to = base  // every set is written once
            forSets { set in
                let found = statistics[set]
                let count = Double(sets[set].count * plane)
                var (first, second) = (0.0, 0.0)
                for p in members(set) {
                    let weight = Double(gamma.map { $0.pointer[p % channels] } ?? 1)
                    first += weight * Double(sums[p].gradients)
                    second += weight * Double(sums[p].products)
                }
                let slope = -found.rstd * found.rstd * Float(second / count)
                let shift = -found.rstd * Float(first / count) - slope * found.mean
                for p in members(set) {
                    let scale = found.rstd * (gamma.map { $0.pointer[p % channels] } ?? 1)
                    let (g, from, row) = (gradient.pointer + p * plane, x.pointer + p * plane, to + p * plane)
                    for i in 0..<plane { row[i] = scale * g[i] + slope * from[i] + shift }
                }
            }
        }
    }

    // A key path in place of the closure took a third of a training with one position a channel.
    @inline(__always)
    private func channelSum(_ sums: [Sums], _ part: (Sums) -> Float) -> Tensor {
        Tensor(shape: [channels]) { out in
            out.update(repeating: 0)
            for (p, sum) in sums.enumerated() { out[p % channels] += part(sum) }
        }
    }
}

/// Sums over one plane, sixteen at a time: one would wait for each addition.
private enum PlaneSums {
    @inline(__always)
    private static func reduce(
        _ count: Int, _ wide: (Int) -> SIMD16<Float>, _ one: (Int) -> Float
    ) -> Float {
        var sums = SIMD16<Float>.zero
        var i = 0
        while i + 16 <= count {
            sums += wide(i)
            i += 16
        }
        var sum = sums.sum()
        while i < count {
            sum += one(i)
            i += 1
        }
        return sum
    }

    @inline(__always)
    private static func load(_ x: UnsafePointer<Float>, _ i: Int) -> SIMD16<Float> {
        UnsafeRawPointer(x + i).loadUnaligned(as: SIMD16<Float>.self)
    }

    static func sum(_ x: UnsafePointer<Float>, _ count: Int) -> Float {
        reduce(count, { load(x, $0) }, { x[$0] })
    }

    static func squares(_ x: UnsafePointer<Float>, _ count: Int, around mean: Float) -> Float {
        reduce(
            count,
            { i in
                let d = load(x, i) - mean
                return d * d
            }, { (x[$0] - mean) * (x[$0] - mean) })
    }

    static func products(
        _ g: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ count: Int, around mean: Float
    ) -> Float {
        reduce(count, { load(g, $0) * (load(x, $0) - mean) }, { g[$0] * (x[$0] - mean) })
    }
}
