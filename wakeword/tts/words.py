"""Everyday words of several languages: speech without the keyword, without grammar."""

from __future__ import annotations

from collections.abc import Mapping

from numpy.random import Generator

from wakeword.data.keywords import contains_phrase
from wakeword.tts.languages import ENGLISH
from wakeword.tts.phrases import random_sentence

# Alternatives are separated by "|".
_WORDS: Mapping[str, str] = {
    "cmn": (
        "早上|今天|晚上|窗户|街道|喝水|面包|咖啡|谢谢|也许|二十|学校|朋友|工作|睡觉|中间|漂亮|慢慢|昨天|邻居|钥匙|厨房|花园|下雨|太阳|哥哥"
        "|女儿|自行车|报纸|苹果|五个|右边|继续|笑话|说话|星期|明年|想要|可以|买菜|车站|天气|灯光|音乐|奶酪|旅行|小狗|城市|鞋子|开心"
    ),
    "de": (
        "morgen|heute|abend|fenster|straße|wasser|brot|kaffee|bitte|danke|vielleicht|zwanzig|schule"
        "|freundin|arbeiten|schlafen|zwischen|schön|langsam|gestern|nachbar|schlüssel|küche|garten"
        "|regen|sonne|bruder|tochter|fahrrad|zeitung|äpfel|höher|fünf|achtzehn|rechts|weiter|lachen"
        "|sprechen|woche|jahr|möchte|kannst|einkaufen|bahnhof|wetter|licht|musik|wohnzimmer|leise"
    ),
    "es": (
        "mañana|hoy|noche|ventana|calle|agua|pan|café|gracias|quizás|veinte|escuela|amiga|trabajar"
        "|dormir|entre|bonito|despacio|ayer|vecino|llave|cocina|jardín|lluvia|sol|hermano|hija"
        "|bicicleta|periódico|manzana|cinco|derecha|seguir|reír|hablar|semana|año|quiero|puedes"
        "|comprar|estación|tiempo|luz|música|queso|viaje|perro|ciudad|zapato|corazón|guitarra"
    ),
    "fr": (
        "demain|soir|fenêtre|rue|eau|pain|café|merci|peut-être|vingt|école|amie|travailler|dormir"
        "|entre|joli|lentement|hier|voisin|clé|cuisine|jardin|pluie|soleil|frère|fille|vélo|journal"
        "|pomme|cinq|droite|continuer|rire|parler|semaine|année|voudrais|peux|acheter|gare|temps"
        "|lumière|musique|fromage|voyage|chien|ville|chaussure|cœur|bonjour|quelque chose|toujours"
    ),
    "hi": (
        "आज|कल|रात|खिड़की|सड़क|पानी|रोटी|चाय|धन्यवाद|शायद|बीस|विद्यालय|दोस्त|काम|सोना|बीच|सुंदर|धीरे|पड़ोसी"
        "|चाबी|रसोई|बगीचा|बारिश|सूरज|भाई|बेटी|साइकिल|अखबार|सेब|पाँच|दाहिना|हँसना|बोलना|सप्ताह|साल|बाज़ार"
        "|मौसम|रोशनी|संगीत|यात्रा|कुत्ता|शहर|जूता|दिल|नमस्ते|हमेशा"
    ),
    "it": (
        "domani|oggi|sera|finestra|strada|acqua|pane|caffè|grazie|forse|venti|scuola|amica|lavorare"
        "|dormire|tra|bello|piano|ieri|vicino|chiave|cucina|giardino|pioggia|sole|fratello|figlia"
        "|bicicletta|giornale|mela|cinque|destra|seguire|ridere|parlare|settimana|anno|vorrei|puoi"
        "|comprare|stazione|tempo|luce|musica|formaggio|viaggio|cane|città|scarpa|cuore|sempre"
    ),
    "pt-br": (
        "amanhã|hoje|noite|janela|rua|água|pão|café|obrigado|talvez|vinte|escola|amiga|trabalhar"
        "|dormir|entre|bonito|devagar|ontem|vizinho|chave|cozinha|jardim|chuva|sol|irmão|filha"
        "|bicicleta|jornal|maçã|cinco|direita|seguir|rir|falar|semana|ano|quero|pode|comprar|estação"
        "|tempo|luz|música|queijo|viagem|cachorro|cidade|sapato|coração|sempre"
    ),
}
_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"
_LENGTH = (3, 7)  # words of a sentence


def random_speech(language: str, keyword: str, rng: Generator) -> str:
    """Draw a sentence in a language that does not contain the keyword.

    English sentences have a grammar. Those of German, Spanish, French, Hindi, Italian, Mandarin and
    Portuguese are words in any order, those of other languages syllables in Latin letters.

    Args:
        language: a code of `known_languages`.
        keyword: to leave out.
        rng: draws the words.
    """
    if language == ENGLISH:
        return random_sentence(keyword, rng)
    while contains_phrase(keyword, sentence := _random_words(language, rng)):
        pass
    return sentence


def random_word(language: str, rng: Generator) -> str:
    """Draw a word of a language, or syllables where no words of it are listed."""
    if language in _WORDS:
        listed = _WORDS[language].split("|")
        return listed[int(rng.integers(len(listed)))]
    syllables = int(rng.integers(1, 4))
    return "".join(
        rng.choice(list(_CONSONANTS)) + rng.choice(list(_VOWELS)) for _ in range(syllables)
    )


def _random_words(language: str, rng: Generator) -> str:
    return " ".join(random_word(language, rng) for _ in range(int(rng.integers(*_LENGTH))))
