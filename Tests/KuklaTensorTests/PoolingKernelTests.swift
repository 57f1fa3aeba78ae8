import CKernels
import KuklaNumerics
import KuklaTestSupport
import Testing

/// Every level's pooling kernels against the definition.
@Suite struct PoolingKernelTests {
    private typealias Three = (Int32, Int32, Int32)

    private struct Draw {
        var windows = kk_windows()
        var x: [Float] = []

        init(_ random: inout RandomSource, rank: Int) {
            func length(_ range: ClosedRange<Int32>) -> Int32 { Int32.random(in: range, using: &random) }
            var axes: [[Int32]] = []
            for axis in 0..<3 {
                guard axis >= 3 - rank else {
                    axes.append([1, 1, 1, 1, 0])
                    continue
                }
                let (window, stride) = (length(1...4), length(1...3))
                let padding = length(0...window / 2)
                let input = length(max(1, window - 2 * padding)...(axis == 2 ? 70 : 9))
                axes.append([input, (input + 2 * padding - window) / stride + 1, window, stride, padding])
            }
            func three(_ i: Int) -> Three { (axes[0][i], axes[1][i], axes[2][i]) }
            windows = kk_windows(
                input: three(0), output: three(1), window: three(2), stride: three(3), padding: three(4))
            // Few values, so that many are equal; some are none, or as small as can be.
            let values: [Float] = [-2, -1, 0, 1, 2, 3, -.infinity, .nan]
            let bound = Bool.random(using: &random) ? 8 : 6
            x = (0..<Int(axes[0][0] * axes[1][0] * axes[2][0])).map { _ in
                values[Int.random(in: 0..<bound, using: &random)]
            }
        }

        private func covered(_ position: Int32, _ lengths: (kk_windows) -> [Int32]) -> Range<Int32> {
            let l = lengths(windows)
            let at = position * l[2] - l[3]
            return max(0, at)..<min(l[0], at + l[1])
        }

        func reference() -> (values: [Float], places: [Int32]) {
            let w = windows
            var values: [Float] = []
            var places: [Int32] = []
            for d in 0..<w.output.0 {
                for r in 0..<w.output.1 {
                    for c in 0..<w.output.2 {
                        var best: Int32?
                        for z in covered(d, { [$0.input.0, $0.window.0, $0.stride.0, $0.padding.0] }) {
                            for y in covered(r, { [$0.input.1, $0.window.1, $0.stride.1, $0.padding.1] }) {
                                for i in covered(c, { [$0.input.2, $0.window.2, $0.stride.2, $0.padding.2] })
                                {
                                    let at = (z * w.input.1 + y) * w.input.2 + i
                                    guard let known = best.map({ x[Int($0)] }) else {
                                        best = at
                                        continue
                                    }
                                    if x[Int(at)] > known || (x[Int(at)].isNaN && !known.isNaN) { best = at }
                                }
                            }
                        }
                        places.append(best ?? -1)
                        values.append(best.map { x[Int($0)] } ?? .nan)
                    }
                }
            }
            return (values, places)
        }
    }

    @Test(arguments: CPULevel.available, 1...3)
    func `the greatest of each window, the first of equals`(_ level: CPULevel, rank: Int) {
        let kernels = kk_pooling_kernels_for(level.kernelLevel).pointee
        for seed in 1...60 {
            var random = RandomSource(seed: UInt64(seed))
            let draw = Draw(&random, rank: rank)
            let (values, places) = draw.reference()
            var out = [Float](repeating: 7, count: values.count + 1)
            var found = [Int32](repeating: 7, count: values.count + 1)
            kernels.max_windows(draw.x, draw.windows, &out, &found)
            #expect(Array(found.dropLast()) == places, "seed \(seed), \(draw.windows)")
            #expect(zip(out, values).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) }, "seed \(seed)")
            #expect(out.last == 7 && found.last == 7)
        }
    }
}
