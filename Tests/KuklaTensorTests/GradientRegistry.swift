import Foundation
import KuklaNumerics
import KuklaTensor
import KuklaTestSupport
import Testing

/// Every differentiable operation of the tensor room, with random inputs. A file of operations has a list of its own here.
enum GradientRegistry {
    static let all: [GradientCase] =
        arithmetic + products + convolutions + resampling + linearAlgebra
        + channels + attention + rotation + stacked
        + activations + learning + secondOrder
        + elementwise + indexing + statistics + contractions + segments + losses

    /// What `pattern` captures in the sources of the tensor room: names of operations.
    static func names(matching pattern: Regex<(Substring, Substring)>) -> Set<String> {
        let sources = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Sources/KuklaTensor")
        var names = Set<String>()
        let files = FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil)
        while let file = files?.nextObject() as? URL {
            guard file.pathExtension == "swift" else { continue }
            let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
            for match in text.matches(of: pattern) { names.insert(String(match.1)) }
        }
        return names
    }
}

@Suite struct GradientRegistryTests {
    @Test(arguments: GradientRegistry.all)
    func `gradient agrees with central differences`(_ gradientCase: GradientCase) {
        for seed in 1...8 {
            let outcome = gradientCase.check(seed: UInt64(seed))
            #expect(outcome.isClose, "\(gradientCase), seed \(seed): \(outcome)")
        }
    }

    @Test func `every operation that is recorded has a case`() {
        var covered = Set<String>()
        for gradientCase in GradientRegistry.all { covered.formUnion(gradientCase.check(seed: 1).operations) }
        let recorded = GradientRegistry.names(matching: /\.recorded\(\s*"([^"]+)"/)
        // `checkpoint` and `customGradient` (TensorSemanticsTests) have tests of their own: their gradient is somebody else's.
        let missing = recorded.subtracting(covered).subtracting(["checkpoint"])
        #expect(missing.isEmpty, "no gradient case for \(missing.sorted())")
        #expect(recorded.count > 10)
    }
}
