import Foundation
import KuklaNumerics
import KuklaTensor
import KuklaTestSupport
import Testing

/// Gradients of gradients: what an input-gradient penalty needs, for every case whose operations have them.
@Suite struct SecondOrderTests {
    /// The cases of elementary operations. A list that joins here may still hold operations that say, with a literal,
    /// `Tape.requireFirstOrder`: their cases are left out.
    static let cases: [GradientCase] = {
        let firstOrder = GradientRegistry.names(matching: /requireFirstOrder\(\s*"([^"]+)"/)
        let elementary =
            GradientRegistry.arithmetic + GradientRegistry.products + GradientRegistry.convolutions
            + GradientRegistry.resampling + GradientRegistry.elementwise + GradientRegistry.indexing
            + GradientRegistry.statistics + GradientRegistry.contractions + GradientRegistry.segments
            + GradientRegistry.losses
        return elementary.filter { $0.check(seed: 1).operations.isDisjoint(with: firstOrder) }
    }()

    @Test(arguments: cases)
    func `gradient of a gradient agrees with central differences`(_ gradientCase: GradientCase) {
        for seed in 1...3 {
            let outcome = gradientCase.secondOrder.check(seed: UInt64(seed))
            #expect(outcome.isClose, "\(gradientCase), seed \(seed): \(outcome)")
        }
    }

    @Test func `elementary operations have gradients of gradients`() {
        let covered = Self.cases.reduce(into: Set<String>()) { $0.formUnion($1.check(seed: 1).operations) }
        let elementary: Set = [
            "add", "multiply", "divide", "exp", "log", "sqrt", "power", "sum", "matmul", "reshape",
            "permuted",
            "concatenated", "slice", "gathered", "taken", "scatteredAdd", "select", "maximum", "clamp",
            "normalized",
        ]
        #expect(elementary.subtracting(covered).isEmpty)
    }
}
