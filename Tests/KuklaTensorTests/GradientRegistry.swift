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
}

@Suite struct GradientRegistryTests {
    @Test(arguments: GradientRegistry.all)
    func `gradient agrees with central differences`(_ gradientCase: GradientCase) {
        for seed in 1...8 {
            let outcome = gradientCase.check(seed: UInt64(seed))
            #expect(outcome.isClose, "\(gradientCase), seed \(seed): \(outcome)")
        }
    }

    @Test func `every operation that is recorded has a case`() throws {
        var covered = Set<String>()
        for gradientCase in GradientRegistry.all { covered.formUnion(gradientCase.check(seed: 1).operations) }
        let sources = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Sources/KuklaTensor")
        let files = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
        var recorded = Set<String>()
        for case let file as URL in files where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            for match in text.matches(of: /\.recorded\(\s*"([^"]+)"/) { recorded.insert(String(match.1)) }
        }
        // `checkpoint` and `customGradient` have tests of their own: their gradient is somebody else's.
        let missing = recorded.subtracting(covered).subtracting(["checkpoint"])
        #expect(missing.isEmpty, "no gradient case for \(missing.sorted())")
        #expect(recorded.count > 10)
    }
}
