import KuklaNumerics

extension Tensor {
    /// Several linear maps of the same rows, their results side by side: `[x W1' + b1, x W2' + b2, ...]`, without copies.
    ///
    /// *Shapes:* `x [tokens, inputs]`, each weight `[outputs, inputs]` and bias `[outputs]`; the result `[tokens, all outputs]`.
    /// - Complexity: O(tokens * inputs * all outputs).
    public func linear(stacked maps: [(weight: Tensor, bias: Tensor?)]) -> Tensor {
        for map in maps {
            contract(
                rank == 2 && map.weight.rank == 2 && map.weight.shape[1] == shape[1]
                    && (map.bias == nil || map.bias?.shape == [map.weight.shape[0]]),
                "linear: input of shape \(shape), weight of shape \(map.weight.shape), bias of shape \(map.bias?.shape ?? [])"
            )
        }
        let (rows, inputs) = (shape[0], shape[1])
        let width = maps.reduce(0) { $0 + $1.weight.shape[0] }
        let x = self
        let result = Tensor(shape: [rows, width]) { out in
            guard let to = out.baseAddress, out.count > 0 else { return }
            let bias = Tensor(shape: [width]) { bias in
                var at = 0
                for map in maps {
                    let count = map.weight.shape[0]
                    for i in 0..<count { bias[at + i] = map.bias?.pointer[i] ?? 0 }
                    at += count
                }
            }
            // The sum of the product and what stands there already: the bias.
            nonisolated(unsafe) let start = to  // every block writes rows of its own
            tensorFor(rows, grain: Swift.max(1, elementGrain / width)) { block in
                for row in block { (start + row * width).update(from: bias.pointer, count: width) }
            }
            guard inputs > 0 else { return }
            var first = 0
            for map in maps {
                let outputs = map.weight.shape[0]
                GEMM.multiplyInParallel(
                    x.pointer, map.weight.pointer, into: to + first, m: rows, n: outputs, k: inputs,
                    transposeB: true, ldc: width, beta: 1)
                first += outputs
            }
        }
        let all = [x] + maps.map(\.weight) + maps.compactMap(\.bias)
        return result.recorded("linearStacked", from: all) { gradient, accumulator in
            Tape.requireFirstOrder("linearStacked")
            Self.addStackedGradients(gradient, of: x, maps, to: &accumulator)
        }
    }

    private static func addStackedGradients(
        _ gradient: Tensor, of x: Tensor, _ maps: [(weight: Tensor, bias: Tensor?)],
        to accumulator: inout GradientAccumulator
    ) {
        let (rows, inputs, width) = (x.shape[0], x.shape[1], gradient.shape[1])
        let starts = maps.indices.map { maps[..<$0].reduce(0) { $0 + $1.weight.shape[0] } }
        if x.node != nil {
            let dx = Tensor(shape: x.shape) { out in
                guard let to = out.baseAddress, out.count > 0 else { return }
                if width == 0 { return out.update(repeating: 0) }
                for (i, map) in maps.enumerated() where map.weight.count > 0 {
                    GEMM.multiplyInParallel(
                        gradient.pointer + starts[i], map.weight.pointer, into: to, m: rows, n: inputs,
                        k: map.weight.shape[0], lda: width, beta: starts[i] == 0 ? 0 : 1)
                }
            }
            accumulator.add(dx, to: x)
        }
        for (i, map) in maps.enumerated() where map.weight.node != nil {
            let dw = Tensor(shape: map.weight.shape) { out in
                guard let to = out.baseAddress, out.count > 0 else { return }
                if rows == 0 { return out.update(repeating: 0) }
                GEMM.multiplyInParallel(
                    gradient.pointer + starts[i], x.pointer, into: to, m: map.weight.shape[0], n: inputs,
                    k: rows, transposeA: true, lda: width)
            }
            accumulator.add(dw, to: map.weight)
        }
        guard maps.contains(where: { $0.bias?.node != nil }) else { return }
        let sums = gradient.detached.sum(axes: [0])
        for (i, map) in maps.enumerated() {
            guard let bias = map.bias, bias.node != nil else { continue }
            accumulator.add(
                Tensor(shape: bias.shape, storage: sums.storage, offset: sums.offset + starts[i]), to: bias)
        }
    }
}
