public import KuklaTensor
import Synchronization

/// A small trained part around a linear layer whose own weights stay as they are.
///
/// The model does not know: `Linear` asks its slot. Parameters of the adapter are listed under the layer's path.
public protocol LinearAdapter: Module {
    /// The layer's output with the adapter: `output` is `x W' + b`, before any activation.
    ///
    /// *Shapes:* `x [..., inputs]`, `output [..., outputs]`, the result as `output`.
    func adapt(_ output: Tensor, of x: Tensor, mode: ForwardMode) -> Tensor
}

/// The place in a linear layer where an adapter can be.
package final class AdapterSlot: Sendable {
    private let state = Mutex<(any LinearAdapter)?>(nil)

    package init() {}

    package var adapter: (any LinearAdapter)? {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}
