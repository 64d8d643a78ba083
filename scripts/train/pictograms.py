"""The pictograms: one glyph and the one name each is trained to be called by, and the drawings ("designs") they come in."""

_TABLE = """
🐱 cat, 🐶 dog, 🐭 mouse, 🐰 rabbit, 🦊 fox, 🐻 bear,
🐼 panda, 🦁 lion, 🐷 pig, 🐸 frog, 🐵 monkey, 🐔 chicken,
🐧 penguin, 🦆 duck, 🦉 owl, 🐝 bee, 🦋 butterfly, 🐌 snail,
🐞 ladybug, 🐢 turtle, 🐍 snake, 🐙 octopus, 🐟 fish, 🐳 whale,
🐘 elephant, 🐴 horse, 🐄 cow, 🐑 sheep, 🕷 spider, 🍎 apple,
🍌 banana, 🍇 grapes, 🍓 strawberry, 🍒 cherries, 🍉 watermelon, 🍍 pineapple,
🍋 lemon, 🥕 carrot, 🌽 ear of corn, 🍅 tomato, 🥑 avocado, 🍄 mushroom,
🍞 loaf of bread, 🧀 cheese, 🍔 burger, 🍟 fries, 🍕 pizza, 🍦 ice cream,
🍩 donut, 🍪 cookie, 🎂 cake, 🍫 chocolate bar, ☕ cup of coffee, 🥛 glass of milk,
🥚 egg, 🌲 tree, 🌵 cactus, 🌷 tulip, 🌹 rose, 🌻 sunflower,
🍀 clover, 🍁 maple leaf, 🌈 rainbow, ☁️ cloud, ❄️ snowflake, ⚡ lightning bolt,
🔥 fire, 💧 water drop, 🌙 moon, ☀️ sun, 🌍 globe, ⛄ snowman,
🚗 car, 🚌 bus, 🚲 bicycle, 🚂 train, ✈️ airplane, 🚀 rocket,
⛵ sailboat, 🚁 helicopter, 🚜 tractor, 🚑 ambulance, 🏠 house, ⚽ soccer ball,
🏀 basketball, 🎾 tennis ball, 🎈 balloon, 🎁 gift, 🎸 guitar, 🎹 piano,
🥁 drum, 🎺 trumpet, 📷 camera, 📺 television, 💻 laptop, 📱 phone,
⏰ alarm clock, 💡 light bulb, 🔑 key, 🔒 lock, 🔨 hammer, ✂️ pair of scissors,
✏️ pencil, 📖 book, ✉️ envelope, ☂️ umbrella, 👑 crown, 🎩 top hat,
👓 pair of glasses, 👟 shoe, 👕 shirt, 💍 diamond ring, 💎 gem, 🔔 bell,
🏆 trophy, 🎲 dice, 👍 thumbs up, 👀 pair of eyes, 👻 ghost, 💀 skull,
👽 alien, 🤖 robot, 😀 smiling face, 😢 crying face, 😡 angry face, 😎 face with sunglasses,
😴 sleeping face, 😮 surprised face, ⚓ anchor, 🧲 magnet, 🔍 magnifying glass, 🕯 candle,
🪑 chair, 🛏 bed, 🚪 door, 🧦 pair of socks
"""

PICTOGRAMS = [tuple(entry.strip().split(" ", 1)) for entry in _TABLE.replace("\n", " ").split(",")]
NAMES = [name for _, name in PICTOGRAMS]

# Iconify packages (npm `@iconify-json/<name>`). The order is the design's number in the assets; the last one is held out.
DESIGNS = ["twemoji", "noto", "noto-v1", "fluent-emoji-flat", "fluent-emoji", "emojione", "emojione-v1", "fxemoji",
           "fluent-emoji-high-contrast", "emojione-monotone", "openmoji"]
MONOCHROME = {8, 9}  # drawn in one colour: the scene picks a tint that stands out
TRAIN_DESIGNS = list(range(10))
HELD_DESIGN = 10
DESIGN_WEIGHTS = [3, 3, 2, 3, 3, 2, 2, 2, 2, 2]

# fxemoji has its own file names; pictograms absent here are looked up under the common slug.
FXEMOJI_SLUGS = {
    "rabbit": "bunny", "panda": "pandaface", "ladybug": "ladybeetle", "apple": "redapple", "ear of corn": "earofmaize", "fries": "frenchfries",
    "pizza": "sliceofpizza", "ice cream": "softicecream", "cake": "birthdaycake", "chocolate bar": "chocolatebar", "cup of coffee": "hotbeverage",
    "tree": "evergreen", "clover": "fourleafclover", "maple leaf": "mapleleaf", "moon": "crescentmoon", "sun": "whitesun",
    "globe": "europeafricaglobe", "snowman": "snowmanwithoutsnow", "soccer ball": "soccerball", "tennis ball": "tennisball",
    "piano": "musicalkeyboard", "laptop": "personalcomputer", "phone": "cellphone", "alarm clock": "alarmclock", "light bulb": "lightbulb",
    "pair of scissors": "blackscissors", "book": "openbook", "top hat": "tophat", "dice": "gamedie", "thumbs up": "thumbsup",
    "gift": "present", "bee": "honeybee", "diamond ring": "ring", "surprised face": "openmouth", "face with sunglasses": "sunglasses",
    "sleeping face": "sleeping", "magnifying glass": "leftmagnifyingglass", "crying face": "crying"}
