import Foundation
import KuklaFormats
import KuklaNumerics

/// What PEFT's adapter_config.json says about a LoRA.
struct LoRAConfiguration: Codable {
    /// Stands before each layer's path in the adapter file.
    static let prefix = "base_model.model."

    var peftType = "LORA"
    var rank: Int
    var alpha: Float
    var dropout: Float = 0
    var targets: [String]
    var baseModel: String?
    var bias = "none"
    var usesRankScale = false

    enum CodingKeys: String, CodingKey {
        case peftType = "peft_type"
        case rank = "r"
        case alpha = "lora_alpha"
        case dropout = "lora_dropout"
        case targets = "target_modules"
        case baseModel = "base_model_name_or_path"
        case bias
        case usesRankScale = "use_rslora"
    }

    init(rank: Int, alpha: Float, dropout: Float, targets: [String], baseModel: String?) {
        self.rank = rank
        self.alpha = alpha
        self.dropout = dropout
        self.targets = targets
        self.baseModel = baseModel
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        peftType = try container.decode(String.self, forKey: .peftType)
        rank = try container.decode(Int.self, forKey: .rank)
        alpha = try container.decode(Float.self, forKey: .alpha)
        dropout = try container.decodeIfPresent(Float.self, forKey: .dropout) ?? 0
        // PEFT also allows one pattern; which layers are meant, the file of weights says.
        targets = (try? container.decodeIfPresent([String].self, forKey: .targets)) ?? []
        baseModel = try? container.decodeIfPresent(String.self, forKey: .baseModel)
        bias = try container.decodeIfPresent(String.self, forKey: .bias) ?? "none"
        usesRankScale = try container.decodeIfPresent(Bool.self, forKey: .usesRankScale) ?? false
    }

    init(_ url: URL) throws(KuklaError) {
        guard let data = FileManager.default.contents(atPath: url.path) else {
            throw KuklaError(.missingFile, "Cannot load the LoRA: there is no \(url.path).")
        }
        do {
            self = try JSONDecoder().decode(LoRAConfiguration.self, from: data)
        } catch {
            throw KuklaError(.badData, "Cannot read \(url.path): it is no adapter_config.json.", cause: error)
        }
        guard peftType == "LORA", bias == "none", !usesRankScale else {
            throw KuklaError(
                .unsupported,
                "Cannot load the adapter of \(url.path): it is of type \(peftType), bias \"\(bias)\""
                    + "\(usesRankScale ? ", use_rslora" : ""); known is LORA, bias \"none\".")
        }
        guard (1...1 << 20).contains(rank), alpha.isFinite, dropout >= 0, dropout < 1 else {
            throw KuklaError(
                .badData,
                "Cannot read \(url.path): r is \(rank), lora_alpha \(alpha), lora_dropout \(dropout).")
        }
    }

    func write(to url: URL) throws(KuklaError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let data: Data
        do { data = try encoder.encode(self) } catch {
            throw KuklaError(.badData, "Cannot write \(url.path): a setting is not a number.", cause: error)
        }
        try AtomicFile.write(data, to: url)
    }
}
