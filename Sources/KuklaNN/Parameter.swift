import KuklaNumerics
public import KuklaTensor
import Synchronization

/// A tensor that training changes, shared by everybody who uses it: tied weights are one parameter in two places.
public final class Parameter: Sendable {
    private struct State: Sendable {
        var value: Tensor
        var isTrainable = true
        var parametrization: (@Sendable (Tensor) -> Tensor)?
    }

    private let state: Mutex<State>
    /// Where gradients of this parameter are collected.
    package let leaf: GradientNode
    /// The lengths of its axes, which never change.
    public let shape: [Int]
    /// A buffer (running statistics) is saved with the parameters but never has a gradient.
    public let isBuffer: Bool

    public init(_ value: Tensor, isBuffer: Bool = false) {
        shape = value.shape
        leaf = GradientNode(leaf: value.shape)
        self.isBuffer = isBuffer
        state = Mutex(State(value: value.detached, isTrainable: !isBuffer))
    }

    /// The value that computations use: watched where the parameter is trainable, seen through `parametrization`.
    public var tensor: Tensor {
        let state = state.withLock { $0 }
        let value = state.value
        let watched =
            state.isTrainable
            ? Tensor(shape: value.shape, storage: value.storage, offset: value.offset, node: leaf) : value
        return state.parametrization.map { $0(watched) } ?? watched
    }

    /// The stored value, without gradient.
    public var value: Tensor {
        get { state.withLock { $0.value } }
        set {
            contract(newValue.shape == shape, "parameter of shape \(shape) set to shape \(newValue.shape)")
            state.withLock { $0.value = newValue.detached }
        }
    }

    /// Changes the stored value in place: no copy while no recorded computation holds it.
    public func update<Result: Sendable>(_ body: (inout Tensor) -> Result) -> Result {
        state.withLock { state in
            // Moved out, so that `body` holds the only reference.
            var value = state.value
            state.value = Tensor(0)
            defer { state.value = value }
            return body(&value)
        }
    }

    /// Whether gradients flow to it. A frozen parameter costs no backward pass.
    public var isTrainable: Bool {
        get { state.withLock { $0.isTrainable } }
        set {
            contract(!(newValue && isBuffer), "a buffer cannot be trained")
            state.withLock { $0.isTrainable = newValue }
        }
    }

    /// A function that computations see the stored value through: a pruning mask, a rounding with straight-through gradient.
    public var parametrization: (@Sendable (Tensor) -> Tensor)? {
        get { state.withLock { $0.parametrization } }
        set { state.withLock { $0.parametrization = newValue } }
    }
}

extension Gradients {
    /// The gradient of a parameter; nil where none flowed to it.
    public subscript(parameter: Parameter) -> Gradient? {
        get { self[leaf: parameter.leaf] }
        set { self[leaf: parameter.leaf] = newValue }
    }

    /// Takes a parameter's gradient out, so that its memory may be reused.
    public mutating func take(_ parameter: Parameter) -> Gradient? { take(parameter.leaf) }
}
