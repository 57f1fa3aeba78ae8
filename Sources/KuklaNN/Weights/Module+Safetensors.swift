public import Foundation
public import KuklaFormats
public import KuklaNumerics
import KuklaTensor

/// What a model and a file did not have in common.
public struct WeightsReport: Sendable, Equatable {
    /// Paths of parameters that the file does not have; they kept their values.
    public var missing: [String] = []
    /// Names of tensors that are no parameter.
    public var unexpected: [String] = []

    public var isComplete: Bool { missing.isEmpty && unexpected.isEmpty }
}

extension Module {
    /// Writes all parameters and buffers as a safetensors file, whole or not at all, each under its path.
    ///
    /// A parameter that stands in two places is written once, under the first.
    /// - Parameter elementType: half types halve the file; float32 keeps every bit.
    /// - Throws: `KuklaError` where the disk refuses, or a number does not fit `elementType`.
    public func save(
        to url: URL, prefix: String = "", as elementType: ElementType = .float32,
        metadata: [String: String] = [:]
    ) throws(KuklaError) {
        var writer = SafetensorsWriter(metadata: metadata)
        for named in parameters {
            writer.add(named.parameter.value, named: prefix + named.path, as: elementType)
        }
        try writer.write(to: url)
    }

    /// Sets every parameter to the tensor of that name in `file`; nothing has changed where it throws.
    ///
    /// Half-precision and double numbers become float32. A parameter that stands in two places may be in the file under
    /// either path, or both.
    /// - Parameter prefix: what stands before the paths in the file (`bert.`); tensors without it are not looked at.
    /// - Parameter strict: whether a parameter without tensor, or a tensor without parameter, is an error.
    /// - Throws: `KuklaError(.badData)` that names the first parameter whose shape differs, with both shapes, or the missing
    ///   and unexpected names, with the nearest of the others.
    @discardableResult
    public func load(
        from file: SafetensorsFile, prefix: String = "", strict: Bool = true
    ) throws(KuklaError) -> WeightsReport {
        var report = WeightsReport()
        var unused = Set(file.tensors.lazy.map(\.name).filter { $0.hasPrefix(prefix) })
        var found: [(parameter: Parameter, name: String)] = []
        for (path, aliases, parameter) in parametersWithAliases {
            let names = ([path] + aliases).map { prefix + $0 }
            guard let name = names.first(where: { unused.contains($0) }) else {
                report.missing.append(prefix + path)
                continue
            }
            unused.subtract(names)
            guard let tensor = file[name] else { continue }
            guard tensor.shape == parameter.shape else {
                throw KuklaError(
                    .badData,
                    "Cannot load the weights of \(file.url.path): the parameter \"\(path)\" has shape \(parameter.shape), and "
                        + "\"\(name)\" in the file \(tensor.shape); the file is of another model or configuration."
                )
            }
            guard tensor.elementType.isFloatingPoint || parameter.isBuffer else {
                throw KuklaError(
                    .badData,
                    "Cannot load the weights of \(file.url.path): \"\(name)\" is of type \(tensor.elementType.rawValue), and "
                        + "the parameter \"\(path)\" needs a floating-point type.")
            }
            found.append((parameter, name))
        }
        report.unexpected = file.tensors.map(\.name).filter { unused.contains($0) }
        if strict && !report.isComplete {
            throw report.error(file.url.path)
        }
        let values = try found.map { (_, name) throws(KuklaError) in try file.values(named: name) }
        for ((parameter, _), value) in zip(found, values) { parameter.value = value }
        return report
    }

    /// Every parameter with the path where it stands first, and all its other paths.
    private var parametersWithAliases: [(path: String, aliases: [String], parameter: Parameter)] {
        var places: [ObjectIdentifier: Int] = [:]
        var result: [(path: String, aliases: [String], parameter: Parameter)] = []
        var visitor = ModuleVisitor(onParameter: { path, parameter in
            if let place = places[ObjectIdentifier(parameter)] {
                result[place].aliases.append(path)
            } else {
                places[ObjectIdentifier(parameter)] = result.count
                result.append((path, [], parameter))
            }
        })
        visit(&visitor)
        return result
    }
}

extension WeightsReport {
    fileprivate func error(_ file: String) -> KuklaError {
        func list(_ names: [String], _ others: [String]) -> String {
            names.prefix(4).map { name in
                "\"\(name)\"" + (EditDistance.likely(name, among: others).map { " (\"\($0)\"?)" } ?? "")
            }.joined(separator: ", ") + (names.count > 4 ? " and \(names.count - 4) more" : "")
        }
        var parts: [String] = []
        if !missing.isEmpty { parts.append("it lacks \(list(missing, unexpected))") }
        if !unexpected.isEmpty { parts.append("the model has no \(list(unexpected, missing))") }
        return KuklaError(
            .badData,
            "Cannot load the weights of \(file): \(parts.joined(separator: "; ")). "
                + "Load it with strict: false if that is meant.")
    }
}
