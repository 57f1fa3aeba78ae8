import KuklaNumerics
import KuklaTensor

/// A part of a model: parameters under dotted paths, which are also their names in a safetensors file.
///
/// A layer is a struct or a final class with a `callAsFunction`; it lists its parts in `visit`.
public protocol Module: Sendable {
    /// Shows every parameter and every part to `visitor`, each under its name.
    func visit(_ visitor: inout ModuleVisitor)
}

/// Walks over a model and keeps the path to where it is.
public struct ModuleVisitor {
    private var path: [String] = []
    private let onParameter: (String, Parameter) -> Void
    private let onModule: (String, any Module) -> Void

    init(
        onParameter: @escaping (String, Parameter) -> Void = { _, _ in },
        onModule: @escaping (String, any Module) -> Void = { _, _ in }
    ) {
        self.onParameter = onParameter
        self.onModule = onModule
    }

    public mutating func visit(_ name: String, _ parameter: Parameter?) {
        if let parameter { onParameter((path + [name]).joined(separator: "."), parameter) }
    }

    /// A part under `name`; an empty name adds nothing to the path.
    public mutating func visit(_ name: String, _ module: (any Module)?) {
        guard let module else { return }
        if !name.isEmpty { path.append(name) }
        onModule(path.joined(separator: "."), module)
        module.visit(&self)
        if !name.isEmpty { path.removeLast() }
    }

    /// Parts under `name.0`, `name.1` ...
    public mutating func visit(_ name: String, _ modules: [any Module]) {
        for (i, module) in modules.enumerated() { visit("\(name).\(i)", module) }
    }
}

/// A parameter and the path that leads to it.
public struct NamedParameter: Sendable {
    public let path: String
    public let parameter: Parameter
}

extension Module {
    /// All parameters and buffers in the order of `visit`; one that stands in two places is listed at the first.
    public var parameters: [NamedParameter] {
        var seen = Set<ObjectIdentifier>()
        var result: [NamedParameter] = []
        var visitor = ModuleVisitor(onParameter: { path, parameter in
            if seen.insert(ObjectIdentifier(parameter)).inserted {
                result.append(NamedParameter(path: path, parameter: parameter))
            }
        })
        visit(&visitor)
        return result
    }

    /// The parameters that training changes.
    public var trainableParameters: [NamedParameter] { parameters.filter { $0.parameter.isTrainable } }

    /// All parts of type `Part` with their paths, this one (path "") included.
    public func modules<Part>(of type: Part.Type) -> [(path: String, module: Part)] {
        var result: [(String, Part)] = []
        if let own = self as? Part { result.append(("", own)) }
        var visitor = ModuleVisitor(onModule: { path, module in
            if let part = module as? Part { result.append((path, part)) }
        })
        visit(&visitor)
        return result
    }

    /// The number of elements of all parameters, buffers left out.
    public var parameterCount: Int {
        parameters.reduce(0) { $0 + ($1.parameter.isBuffer ? 0 : $1.parameter.shape.elementCount) }
    }

    /// Makes parameters whose path matches `pattern` trainable or frozen, and returns how many there were.
    ///
    /// In a pattern `*` stands for any characters, dots included: `encoder.layer.0.*`, `*.bias`.
    @discardableResult
    public func setTrainable(_ isTrainable: Bool, matching pattern: String = "*") -> Int {
        let matching = parameters.filter { !$0.parameter.isBuffer && PathPattern(pattern).matches($0.path) }
        for named in matching { named.parameter.isTrainable = isTrainable }
        return matching.count
    }
}

/// A pattern over dotted paths: `*` stands for any characters.
public struct PathPattern: Sendable {
    private let parts: [Substring]

    public init(_ pattern: String) { parts = pattern.split(separator: "*", omittingEmptySubsequences: false) }

    public func matches(_ path: String) -> Bool {
        guard let first = parts.first, parts.count > 1 else {
            return path == parts.first.map(String.init) ?? ""
        }
        guard path.hasPrefix(first) else { return false }
        var rest = path.dropFirst(first.count)
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            guard let found = rest.firstRange(of: part) else { return false }
            rest = rest[found.upperBound...]
        }
        let last = parts[parts.count - 1]
        return rest.count >= last.count && rest.hasSuffix(last)
    }
}
