public import KuklaFormats
public import KuklaNumerics
public import KuklaTensor

extension SafetensorsFile {
    /// The numbers of a tensor as float32, copied out of the file.
    ///
    /// - Throws: `KuklaError(.badData)` where there is no such tensor.
    public func values(named name: String) throws(KuklaError) -> KuklaTensor.Tensor {
        let tensor = try tensor(named: name)
        return KuklaTensor.Tensor(shape: tensor.shape) { out in
            withUnsafeBytes(of: tensor) { tensor.elementType.convert($0, to: out) }
        }
    }
}

extension SafetensorsWriter {
    /// Adds a tensor under `name`, to be stored as `elementType`.
    ///
    /// - Precondition: the name is new.
    public mutating func add(
        _ tensor: KuklaTensor.Tensor, named name: String, as elementType: ElementType = .float32
    ) {
        let rows = tensor.rank > 1 ? tensor.detached : tensor.detached.reshaped([1, tensor.count])
        add(rows.matrix, named: name, as: elementType, shape: tensor.shape)
    }
}
