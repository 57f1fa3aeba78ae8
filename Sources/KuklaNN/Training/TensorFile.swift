import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTensor

/// Named tensors as a safetensors file.
enum TensorFile {
    /// - Precondition: no name twice.
    static func write(_ tensors: [(name: String, tensor: Tensor)], to url: URL) throws(KuklaError) {
        var writer = SafetensorsWriter(metadata: ["format": "pt"])
        for (name, tensor) in tensors {
            let rows = tensor.rank < 2 ? tensor.detached.reshaped([1, tensor.count]) : tensor.detached
            writer.add(rows.matrix, named: name, shape: tensor.shape)
        }
        try writer.write(to: url)
    }

    static func read(_ url: URL) throws(KuklaError) -> [(name: String, tensor: Tensor)] {
        let file = try SafetensorsFile(url)
        var tensors: [(name: String, tensor: Tensor)] = []
        for tensor in file.tensors {
            tensors.append(
                (tensor.name, Tensor(shape: tensor.shape, elements: try file.floats(named: tensor.name))))
        }
        return tensors
    }
}
