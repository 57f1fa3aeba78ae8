import Foundation
import KuklaNumerics
import KuklaTensor
import KuklaTestSupport
import Testing

/// Writes what Scripts/parity/operation_parity.py computes again with PyTorch: every case of the gradient registry, one JSON
/// object a line, in `operations.jsonl` of the folder that `KUKLA_PARITY` names.
@Suite struct OperationParityTests {
    private static let folder = ProcessInfo.processInfo.environment["KUKLA_PARITY"]

    private struct Array: Encodable {
        let shape: [Int]
        let elements: [Float]

        init(_ tensor: Tensor) { (shape, elements) = (tensor.shape, tensor.elements) }
    }

    private struct Line: Encodable {
        let name: String
        let inputs, gradients: [Array]
        let output, weights: Array
    }

    @Test(.enabled(if: folder != nil, "KUKLA_PARITY names no folder"))
    func `every case is written for PyTorch`() throws {
        let folder = URL(filePath: try #require(Self.folder))
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var text = Data()
        for gradientCase in GradientRegistry.all {
            for seed in 1...3 {
                var random = RandomSource(seed: UInt64(seed))
                let found = gradientCase.evaluated(using: &random)
                text += try JSONEncoder().encode(
                    Line(
                        name: gradientCase.description, inputs: found.inputs.map { Array($0) },
                        gradients: found.gradients.map { Array($0) }, output: Array(found.output),
                        weights: Array(found.weights)))
                text.append(UInt8(ascii: "\n"))
            }
        }
        try text.write(to: folder.appending(path: "operations.jsonl"))
    }
}
