import CKernels
import Foundation
import KuklaNumerics
import KuklaTestSupport
import Testing

/// Every level's recurrence kernels against the formulas in double.
@Suite struct RecurrenceKernelTests {
    @Test(arguments: CPULevel.available)
    func `a gated step and its gradients`(_ level: CPULevel) {
        let kernels = kk_recurrence_kernels_for(level.kernelLevel).pointee
        var random = RandomSource(seed: 1)
        func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
        for width in [1, 3, 4, 8, 15, 16, 17, 33] {
            let rows = 3
            func normals(_ count: Int) -> [Float] { (0..<count).map { _ in 2 * random.normal() } }
            let (x, g, h, d) = (
                normals(rows * 3 * width), normals(rows * 3 * width), normals(rows * width),
                normals(rows * width)
            )
            var out = [Float](repeating: 7, count: rows * width + 1)
            var kept = [Float](repeating: 7, count: rows * 4 * width + 1)
            kernels.gated_rows(x, g, h, &out, &kept, rows, width)
            var (dx, dg, dh) = (
                [Float](repeating: 7, count: rows * 3 * width + 1),
                [Float](repeating: 7, count: rows * 3 * width + 1), out
            )
            kernels.gated_slope_rows(d, kept, h, &dx, &dg, &dh, rows, width)
            #expect([out.last, kept.last, dx.last, dg.last, dh.last] == [7, 7, 7, 7, 7])
            for i in 0..<rows * width {
                let at = i / width * 3 * width + i % width
                let r = sigmoid(Double(x[at]) + Double(g[at]))
                let z = sigmoid(Double(x[at + width]) + Double(g[at + width]))
                let inner = Double(g[at + 2 * width])
                let n = tanh(Double(x[at + 2 * width]) + r * inner)
                let (past, slope) = (Double(h[i]), Double(d[i]))
                let dn = slope * (1 - z) * (1 - n * n)
                let wanted = [
                    (1 - z) * n + z * past, dn * inner * r * (1 - r), slope * (past - n) * z * (1 - z), dn,
                    dn * r, slope * z,
                ]
                let found = [out[i], dx[at], dx[at + width], dx[at + 2 * width], dg[at + 2 * width], dh[i]]
                for (a, b) in zip(found, wanted) {
                    #expect(abs(Double(a) - b) < 2e-6 * max(1, abs(b)), "width \(width)")
                }
                #expect(dg[at] == dx[at] && dg[at + width] == dx[at + width])
            }
        }
    }
}
