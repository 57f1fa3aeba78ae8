import Foundation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaTensor
import Testing

@Suite struct WeightsTests {
    private struct Pair: Module {
        let first, second: Linear
        func visit(_ visitor: inout ModuleVisitor) {
            visitor.visit("first", first)
            visitor.visit("second", second)
        }
    }

    private func pair(seed: UInt64, _ inner: Int = 4) -> Pair {
        var random = RandomSource(seed: seed)
        return Pair(
            first: Linear(3, inner, using: &random), second: Linear(inner, 2, bias: false, using: &random))
    }

    @Test(arguments: ["", "encoder."]) func `what is saved is loaded, bit for bit`(_ prefix: String) throws {
        try withTemporaryFolder { folder in
            let url = folder.appending(path: "model.safetensors")
            let model = pair(seed: 1)
            try model.save(to: url, prefix: prefix, metadata: ["format": "pt"])
            let file = try SafetensorsFile(url)
            #expect(file.metadata == ["format": "pt"])
            #expect(
                Set(file.tensors.map(\.name))
                    == Set(["first.weight", "first.bias", "second.weight"].map { prefix + $0 }))
            let other = pair(seed: 2)
            #expect(try other.load(from: file, prefix: prefix).isComplete)
            for (a, b) in zip(model.parameterValues, other.parameterValues) {
                #expect(a.value.elements == b.value.elements, "\(a.path)")
            }
        }
    }

    @Test(arguments: [ElementType.float16, .bfloat16, .float64])
    func `other floating-point types become float32`(_ type: ElementType) throws {
        try withTemporaryFolder { folder in
            let url = folder.appending(path: "model.safetensors")
            let model = pair(seed: 1)
            try model.save(to: url, as: type)
            let other = pair(seed: 2)
            try other.load(from: SafetensorsFile(url))
            for (a, b) in zip(model.parameterValues, other.parameterValues) {
                #expect(difference(a.value.elements, b.value.elements) <= (type == .bfloat16 ? 4e-3 : 5e-4))
            }
        }
    }

    @Test func `the first parameter of another shape is named with both shapes`() throws {
        try withTemporaryFolder { folder in
            let url = folder.appending(path: "model.safetensors")
            try pair(seed: 1, 5).save(to: url)
            let model = pair(seed: 2)
            let before = model.parameterValues.map(\.value.elements)
            let message = kuklaMessage { try model.load(from: SafetensorsFile(url), strict: false) }
            #expect(message?.contains("\"first.weight\" has shape [4, 3]") == true)
            #expect(message?.contains("[5, 3]") == true)
            #expect(model.parameterValues.map(\.value.elements) == before)
        }
    }

    @Test func `missing and unexpected names are listed with the nearest`() throws {
        try withTemporaryFolder { folder in
            let url = folder.appending(path: "model.safetensors")
            var writer = SafetensorsWriter()
            writer.add(Tensor.ones([4, 3]), named: "first.weigth")
            writer.add(Tensor.ones([4]), named: "first.bias")
            writer.add(Tensor.ones([2, 4]), named: "second.weight")
            try writer.write(to: url)
            let model = pair(seed: 2)
            let file = try SafetensorsFile(url)
            let message = kuklaMessage { try model.load(from: file) }
            #expect(message?.contains("it lacks \"first.weight\" (\"first.weigth\"?)") == true)
            #expect(message?.contains("the model has no \"first.weigth\"") == true)
            let report = try model.load(from: file, strict: false)
            #expect(report.missing == ["first.weight"])
            #expect(report.unexpected == ["first.weigth"])
            #expect(model.first.bias?.value.elements == [1, 1, 1, 1])
        }
    }

    @Test func `integers are no weights`() throws {
        try withTemporaryFolder { folder in
            let url = folder.appending(path: "model.safetensors")
            var writer = SafetensorsWriter()
            writer.add(bytes: Data(count: 12), named: "weight", elementType: .int8, shape: [4, 3])
            try writer.write(to: url)
            let model = Single(weight: Parameter(Tensor.ones([4, 3])))
            let message = kuklaMessage { try model.load(from: SafetensorsFile(url)) }
            #expect(message?.contains("of type int8") == true)
        }
    }

    @Test func `a tied parameter is written once and found under either path`() throws {
        let shared = Parameter(Tensor.ones([2, 2]))
        struct Tied: Module {
            let a, b: Parameter
            func visit(_ visitor: inout ModuleVisitor) {
                visitor.visit("a", a)
                visitor.visit("b", b)
            }
        }
        try withTemporaryFolder { folder in
            let url = folder.appending(path: "model.safetensors")
            try Tied(a: shared, b: shared).save(to: url)
            #expect(try SafetensorsFile(url).tensors.map(\.name) == ["a"])
            for names in [["a"], ["b"], ["a", "b"]] {
                var writer = SafetensorsWriter()
                for name in names { writer.add(Tensor.full([2, 2], 7), named: name) }
                try writer.write(to: url)
                shared.value = Tensor.zeros([2, 2])
                try Tied(a: shared, b: shared).load(from: SafetensorsFile(url))
                #expect(shared.value.elements == [7, 7, 7, 7], "\(names)")
            }
        }
    }

    @Test(arguments: [[], [0], [1], [0, 3], [3, 0], [2, 1, 3]])
    func `tensors of every rank go through a file`(_ shape: [Int]) throws {
        try withTemporaryFolder { folder in
            let url = folder.appending(path: "tensors.safetensors")
            let tensor = Tensor.range(shape.reduce(1, *)).reshaped(shape)
            var writer = SafetensorsWriter()
            writer.add(tensor, named: "x")
            try writer.write(to: url)
            let back = try SafetensorsFile(url).values(named: "x")
            #expect(back.shape == shape && back.elements == tensor.elements)
        }
    }

    @Test func `a cut or changed file never crashes`() throws {
        try withTemporaryFolder { folder in
            let url = folder.appending(path: "model.safetensors")
            let model = pair(seed: 1)
            try model.save(to: url)
            let data = try Data(contentsOf: url)
            var random = RandomSource(seed: 3)
            for trial in 0..<300 {
                var broken = data
                if trial < 100 {
                    broken = broken.prefix(Int.random(in: 0..<data.count, using: &random))
                } else {
                    let at = Int.random(in: 0..<data.count, using: &random)
                    broken[at] ^= UInt8(1) << UInt8.random(in: 0...7, using: &random)
                }
                try broken.write(to: url)
                // Refused with a sentence, or loaded where only numbers changed.
                _ = kuklaMessage { try model.load(from: SafetensorsFile(url)) }.map {
                    #expect(!$0.hasPrefix("not a KuklaError"))
                }
            }
        }
    }

    @Test func `a snapshot keeps its values while training goes on`() {
        let model = pair(seed: 1)
        let snapshot = model.parameterValues
        let before = snapshot.map(\.value.elements)
        var optimizer = Optimizer(SGD(), for: model)
        optimizer.update(model.second(model.first(Tensor.ones([2, 3]))).sum().gradients(), learningRate: 0.1)
        #expect(snapshot.map(\.value.elements) == before)
        #expect(model.parameterValues.map(\.value.elements) != before)
        model.setParameters(to: snapshot)
        #expect(model.parameterValues.map(\.value.elements) == before)
    }

    @Test func `the summary has a line for each parameter`() {
        let model = pair(seed: 1)
        model.setTrainable(false, matching: "first.*")
        let lines = model.summary.split(separator: "\n").map(String.init)
        #expect(lines.count == 5)
        #expect(lines[1] == "first.weight   [4, 3]     12  frozen")
        #expect(lines[3] == "second.weight  [2, 4]      8  trained")
        #expect(lines[4] == "total                     24  8 trained")
    }
}
